// SPDX-License-Identifier: GPL-2.0
/*
 * ckpt - checkpoint and restart programs
 */
#include <string.h>

#include "ckpt.h"

static const char usage[] =
"usage: ckpt COMMAND [OPTION]...\n"
"\n"
"Saves running programs into an image and restarts them from it.\n"
"\n"
"  run         run a program in a cgroup of its own\n"
"  checkpoint  save the programs of a cgroup into an image\n"
"  restart     restart programs from an image\n"
"  check       say what keeps a cgroup from being saved\n"
"  info        verify an image and show what is in it\n"
"\n"
"'ckpt COMMAND --help' explains a command, ckpt(1) all of them.\n";

static const struct {
	const char *name;
	char *full_name;	/* for getopt's messages */
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run",	"ckpt run",	   builtin_run },
	{ "checkpoint",	"ckpt checkpoint", builtin_checkpoint },
	{ "restart",	"ckpt restart",	   builtin_restart },
	{ "check",	"ckpt check",	   builtin_check },
	{ "info",	"ckpt info",	   builtin_info },
};

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		fputs(usage, stderr);
		return ST_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		fputs(usage, stdout);
		return ST_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("ckpt " CKPT_VERSION);
		return ST_OK;
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		argv[1] = commands[i].full_name;
		return commands[i].run(argc - 1, argv + 1);
	}
	say("no such command: %s; see 'ckpt --help'", escape_str(argv[1]));
	return ST_USAGE;
}
