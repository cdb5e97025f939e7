// SPDX-License-Identifier: GPL-2.0
/*
 * ckpt - checkpoint and restart programs
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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
	int failed;		/* status when it has no memory */
} commands[] = {
	{ "run",	"ckpt run",	   builtin_run,	       ST_SELF },
	{ "checkpoint",	"ckpt checkpoint", builtin_checkpoint, ST_FAILED },
	{ "restart",	"ckpt restart",	   builtin_restart,    ST_SELF },
	{ "check",	"ckpt check",	   builtin_check,      ST_FAILED },
	{ "info",	"ckpt info",	   builtin_info,       ST_FAILED },
};

/*
 * A file of ours that took the place of a closed standard descriptor would get
 * our messages: an image, say. What takes the place cannot be used either.
 */
static void fill_standard_fds(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", (fd ? O_RDONLY : O_WRONLY) | O_CLOEXEC) != fd)
			_exit(ST_FAILED);
}

int main(int argc, char **argv)
{
	size_t i;

	fill_standard_fds();
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
		no_memory_status = commands[i].failed;
		return commands[i].run(argc - 1, argv + 1);
	}
	say("no such command: %s; see 'ckpt --help'", escape_str(argv[1]));
	return ST_USAGE;
}
