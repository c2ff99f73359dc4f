#include "launcher.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct options defaults = {.max_restarts = 5, .window_seconds = 60};

static void print_help(void) {
  printf(
      "OVERVIEW: Run a program, and start it again when it ends abnormally.\n\n"
      "USAGE: wasmatrix-launcher [--max-restarts <n>] [--within <seconds>] -- <program> [<arg>]\n\n"
      "The first restart is immediate; further ones wait for up to 100 ms, then 200 ms, doubling\n"
      "up to 10 s. A program that ran for 30 s begins anew. SIGTERM, SIGINT and SIGHUP are passed\n"
      "on, and then nothing is started again. The program is killed when the launcher is.\n\n"
      "OPTIONS:\n"
      "  --max-restarts <n>    How many restarts there may be within the window; one more, and\n"
      "                        the launcher gives up. (default: %d)\n"
      "  --within <seconds>    The length of the window. (default: %d)\n"
      "  -h, --help            Show this.\n\n"
      "EXIT STATUS\n"
      "  0 when the program ended with 0; %d: given up; %d: wrong usage; %d: the program cannot\n"
      "  be executed; %d: there is no such program; after a stop, that of the program (128 + the\n"
      "  signal that ended it).\n\n"
      "EXAMPLE\n"
      "  wasmatrix-launcher --max-restarts 3 --within 5 -- wasmatrix dev --data /tmp/cluster\n",
      defaults.max_restarts, defaults.window_seconds, STATUS_GAVE_UP, STATUS_WRONG_USAGE,
      STATUS_NOT_EXECUTABLE, STATUS_NOT_FOUND);
}

static bool wrong_usage(int *status) {
  fprintf(stderr, "  next: see `wasmatrix-launcher --help`\n");
  *status = STATUS_WRONG_USAGE;
  return false;
}

static bool parse_number(const char *text, int least, int most, int *number) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < least || value > most) return false;
  *number = (int)value;
  return true;
}

bool parse_options(int count, char **arguments, struct options *options, int *status) {
  static const struct option known[] = {
      {"max-restarts", required_argument, NULL, 'r'},
      {"within", required_argument, NULL, 'w'},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0},
  };
  *options = defaults;
  opterr = 0;
  int option;
  // "+": what follows the program belongs to it. ":": a missing value is not an unknown option.
  while ((option = getopt_long(count, arguments, "+:h", known, NULL)) != -1) {
    switch (option) {
      case 'h':
        print_help();
        *status = 0;
        return false;
      case 'r':
        if (parse_number(optarg, 0, MOST_RESTARTS, &options->max_restarts)) break;
        fprintf(stderr, "error: --max-restarts takes a number from 0 to %d, not \"%s\"\n",
                MOST_RESTARTS, optarg);
        return wrong_usage(status);
      case 'w':
        if (parse_number(optarg, 1, LONGEST_WINDOW_SECONDS, &options->window_seconds)) break;
        fprintf(stderr, "error: --within takes a number of seconds from 1 to %d, not \"%s\"\n",
                LONGEST_WINDOW_SECONDS, optarg);
        return wrong_usage(status);
      case ':':
        fprintf(stderr, "error: %s needs a value\n", arguments[optind - 1]);
        return wrong_usage(status);
      case '?':
        fprintf(stderr, "error: unknown option %s\n", arguments[optind - 1]);
        return wrong_usage(status);
    }
  }
  if (optind >= count) {
    fprintf(stderr, "error: there is no program to run\n");
    return wrong_usage(status);
  }
  options->program = arguments + optind;
  return true;
}
