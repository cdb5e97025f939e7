// SPDX-License-Identifier: GPL-2.0
/*
 * A program at a terminal: prog_job [-g]
 *
 * Says each line that is typed, in brackets, and tells of SIGINT and SIGCONT.
 * At "raw" it turns echo and lines off, at "end" it ends, with 7. -g: leads a
 * process group of its own, which it gives the foreground, as a shell does.
 */
#define _GNU_SOURCE
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void tell(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(2);
}

static void see(int sig)
{
	tell(sig == SIGINT ? "interrupted\n" : "continued\n");
}

static void lead_group(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (setpgid(0, 0) || tcsetpgrp(0, getpid()))
		err(1, "foreground");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void make_raw(void)
{
	struct termios modes;

	tcgetattr(0, &modes);
	modes.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(0, TCSANOW, &modes);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = see, .sa_flags = SA_RESTART };
	char line[256], text[300];
	ssize_t n;

	if (argc > 1 && !strcmp(argv[1], "-g"))
		lead_group();
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGCONT, &act, NULL);
	tell("ready\n");
	while ((n = read(0, line, sizeof(line) - 1)) > 0) {
		line[n] = 0;
		line[strcspn(line, "\r\n")] = 0;
		if (!strcmp(line, "end"))
			return 7;
		if (!strcmp(line, "raw"))
			make_raw();
		snprintf(text, sizeof(text), "[%s]\n", line);
		tell(text);
	}
	return 1;
}
