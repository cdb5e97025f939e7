// SPDX-License-Identifier: GPL-2.0
/*
 * Standing in for a program. Signals sent to us go to it; signals of the
 * terminal reach it by themselves. When it is a process group of its own, it
 * gets the terminal's foreground, and stops and goes on as a job of a shell.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "supervise.h"

static const int forwarded[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
};

void supervisor_init(struct supervisor *s)
{
	*s = (struct supervisor){ .tty = -1, .notes_in = -1, .notes_out = -1 };
	/* an inherited SIG_IGN would reap our children for us */
	signal(SIGCHLD, SIG_DFL);
}

/* The terminal among our own descriptors, if we are in its foreground. */
void supervisor_find_tty(struct supervisor *s)
{
	int fd;

	for (fd = 0; fd <= 2; fd++) {
		if (!isatty(fd) || tcgetpgrp(fd) != getpgrp())
			continue;
		s->tty = fd;
		s->foreground = true;
		tcgetattr(fd, &s->modes);
		return;
	}
}

/*
 * From here on signals wait for supervise(). A signal that was ignored when we
 * started, as nohup(1) does, stays ignored.
 */
void supervisor_block(struct supervisor *s)
{
	struct sigaction old;
	sigset_t all;
	size_t i;

	sigemptyset(&s->signals);
	sigaddset(&s->signals, SIGCHLD);
	for (i = 0; i < ARRAY_SIZE(forwarded); i++)
		if (!sigaction(forwarded[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&s->signals, forwarded[i]);
	all = s->signals;
	/* taking the terminal back from the background must not stop us */
	sigaddset(&all, SIGTTOU);
	sigprocmask(SIG_BLOCK, &all, &s->old_mask);
}

void supervisor_unblock(struct supervisor *s)
{
	sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
}

static void give_tty(struct supervisor *s, pid_t pgid)
{
	if (s->tty >= 0 && pgid > 0 && !tcsetpgrp(s->tty, pgid))
		s->given = pgid;
}

/*
 * The child's group, unless it is ours or in another session. In a pid
 * namespace below the terminal's own groups look like 0.
 */
static void give_tty_to_child(struct supervisor *s)
{
	pid_t pgid = getpgid(s->child);

	if (s->foreground && pgid > 0 && pgid != getpgrp() &&
	    getsid(s->child) == getsid(0))
		give_tty(s, pgid);
}

static void take_tty(struct supervisor *s)
{
	pid_t now;

	if (s->tty < 0)
		return;
	/* the child may have given it on, or taken it */
	now = tcgetpgrp(s->tty);
	if (!s->given && s->nested && now > 0 && now != getpgrp())
		s->given = now;
	if (s->given)
		tcsetpgrp(s->tty, getpgrp());
}

/* The job stopped: so do we, until a shell lets us go on. */
static void stop_too(struct supervisor *s)
{
	pid_t job;

	take_tty(s);
	job = s->given;
	s->given = 0;
	raise(SIGSTOP);
	if (job <= 0)
		return;
	if (tcgetpgrp(s->tty) == getpgrp())
		give_tty(s, job);
	kill(-job, SIGCONT);
}

static void child_stopped(struct supervisor *s, int sig)
{
	struct note note = { .kind = NOTE_STOPPED, .pid = s->child };

	if (!s->given)
		return;
	if (sig == SIGTTIN || sig == SIGTTOU) {
		/* it touched the terminal before it was handed over */
		kill(-s->given, SIGCONT);
		return;
	}
	if (s->notes_out >= 0)
		write_full(s->notes_out, &note, sizeof(note));
	else
		stop_too(s);
}

static int exit_status(struct supervisor *s, int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	s->killed = true;
	if (s->asked && WTERMSIG(status) == SIGKILL)
		return 128 + s->asked;
	return 128 + WTERMSIG(status);
}

/* The exit status once the child is gone, -1 until then. */
static int reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, WNOHANG | WUNTRACED);
		if (pid < 0 && errno == ECHILD) {
			say("lost the process %d", s->child);
			return ST_SELF;
		}
		if (pid <= 0)
			return -1;
		if (pid != s->child)
			continue;
		if (!WIFSTOPPED(status))
			return exit_status(s, status);
		child_stopped(s, WSTOPSIG(status));
	}
}

/*
 * Pid 1 of a namespace does not get signals that it does not handle. The
 * sender wants it to end, though.
 */
static void forward(struct supervisor *s, const struct signalfd_siginfo *si)
{
	int sig = si->ssi_signo;
	bool handles, is_init;

	handles = proc_handles(s->child, sig, &is_init);
	if (is_init && !handles && sig != SIGUSR1 && sig != SIGUSR2) {
		s->asked = sig;
		kill(s->child, SIGKILL);
		return;
	}
	/* the terminal sent it to the child as well, if that is in our group */
	if (si->ssi_code == SI_KERNEL && getpgid(s->child) == getpgrp())
		return;
	kill(s->child, sig);
}

static void read_note(struct supervisor *s)
{
	struct note note;

	if (read_full(s->notes_in, &note, sizeof(note)) != sizeof(note)) {
		close(s->notes_in);
		s->notes_in = -1;
	} else if (note.kind == NOTE_STOPPED) {
		stop_too(s);
	}
}

/*
 * Waits for the child's first note. Returns 0 when it is there, a signal if
 * one that is to be forwarded came before, and -1 if the child ended.
 */
int supervisor_wait_note(struct supervisor *s, struct note *note)
{
	int fd = signalfd(-1, &s->signals, SFD_CLOEXEC | SFD_NONBLOCK), sig = 0;
	struct pollfd p[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = s->notes_in, .events = POLLIN },
	};
	struct signalfd_siginfo si;

	do {
		p[1].revents = 0;
		if (poll(p, 2, -1) < 0)
			continue;
		while (!p[1].revents && !sig && read(fd, &si, sizeof(si)) == sizeof(si))
			if (si.ssi_signo != SIGCHLD)
				sig = si.ssi_signo;
	} while (!p[1].revents && !sig);
	close(fd);
	if (sig)
		return sig;
	return read_full(s->notes_in, note, sizeof(*note)) == sizeof(*note) ? 0 : -1;
}

/*
 * What a shell does for its jobs: a program that gave the terminal on, or that
 * was killed, has not put its modes back.
 */
static void restore_modes(const struct supervisor *s)
{
	if (s->given || (s->killed && s->foreground && tcgetpgrp(s->tty) == getpgrp()))
		tcsetattr(s->tty, TCSADRAIN, &s->modes);
}

/* Returns the exit status, and leaves the terminal as it was. */
int supervise(struct supervisor *s)
{
	int fd = signalfd(-1, &s->signals, SFD_CLOEXEC | SFD_NONBLOCK), status;
	struct signalfd_siginfo si;
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };

	if (fd < 0) {
		say("cannot make a signalfd: %s", strerror(errno));
		return ST_SELF;
	}
	give_tty_to_child(s);
	while ((status = reap(s)) < 0) {
		p[0].fd = fd;
		p[1].fd = s->notes_in;
		p[1].revents = 0;
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			read_note(s);
		while (read(fd, &si, sizeof(si)) == sizeof(si))
			if (si.ssi_signo != SIGCHLD)
				forward(s, &si);
	}
	close(fd);
	take_tty(s);
	restore_modes(s);
	return status;
}
