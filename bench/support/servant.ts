/**
 * A process that does what the one that started it says. Runs in Deno and,
 * bundled, in Node.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import type { Answer, AnyOrder, Command, Report } from "./child_protocol.ts";
import { processorTimeUs, SETTLE_MS, weigh } from "./process_meter.ts";

/** What a bench's process can do, beside what every process can. */
export interface Servant<Order extends AnyOrder> {
  /**
   * Does something.
   *
   * @param order What.
   * @returns What the parent is answered with.
   */
  obey(order: Order): Promise<Answer> | Answer;
  /** Gives everything back. */
  close(): Promise<void> | void;
}

/** Asks the parent. */
export type Ask<Question extends string> = (
  question: Question,
) => Promise<number>;

class ServingProcess<Order extends AnyOrder, Question extends string> {
  readonly #servant: Servant<Order>;
  readonly #questions = new Map<number, (value: number) => void>();
  #lastQuestion = 0;

  constructor(create: (ask: Ask<Question>) => Servant<Order>) {
    this.#servant = create((question) => this.#ask(question));
  }

  async handle(command: Command<Order>): Promise<void> {
    try {
      report({ id: command.id, value: await this.#obey(command) });
    } catch (error) {
      const text = error instanceof Error
        ? `${error.name}: ${error.message}`
        : String(error);
      report({ id: command.id, error: text });
    }
  }

  #obey(command: Command<Order>): Promise<Answer> | Answer {
    if (isHear(command)) {
      this.#questions.get(command.question)?.(command.value);
      this.#questions.delete(command.question);
      return "";
    }
    switch (command.do) {
      case "weigh":
        return weigh();
      case "clock":
        return processorTimeUs();
      case "close":
        return this.#close();
      default:
        return this.#servant.obey(command as Order);
    }
  }

  async #close(): Promise<string> {
    await this.#servant.close();
    // What a library leaves running must not keep the process.
    setTimeout(() => process.exit(0), SETTLE_MS);
    return "";
  }

  #ask(question: Question): Promise<number> {
    const number = ++this.#lastQuestion;
    report({ question: number, ask: question });
    return new Promise((resolve) => {
      this.#questions.set(number, resolve);
    });
  }
}

function isHear(
  command: Command<AnyOrder>,
): command is Extract<Command<never>, { do: "hear" }> {
  return command.do === "hear";
}

function report(value: Report): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/**
 * Obeys the parent until it says that it is over, or is gone.
 *
 * @typeParam Order What this process can do.
 * @typeParam Question What it may ask.
 * @param create Makes the servant.
 */
export function serveParent<
  Order extends AnyOrder,
  Question extends string = never,
>(create: (ask: Ask<Question>) => Servant<Order>): void {
  const serving = new ServingProcess<Order, Question>(create);
  createInterface({ input: process.stdin })
    .on("line", (line: string) => void serving.handle(JSON.parse(line)))
    .on("close", () => process.exit(0));
}
