#!/bin/sh
# Git hook: refuses a commit whose TypeScript, JSON or Markdown is not formatted
# or does not pass the linter. Fast on purpose: the rest is `deno task ok`.
#
#   ln -s ../../tools/pre_commit.sh .git/hooks/pre-commit
set -eu
cd "$(git rev-parse --show-toplevel)"
files=$(git diff --cached --name-only --diff-filter=ACMR -- '*.ts' '*.json' '*.md')
[ -n "$files" ] || exit 0
# File names of this repository hold no blanks.
# shellcheck disable=SC2086
deno fmt --check --permit-no-files $files
# shellcheck disable=SC2086
deno lint --permit-no-files $files
