/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Standing in for a program: its signals, its terminal, its exit status.
 */
#ifndef CKPT_SUPERVISE_H
#define CKPT_SUPERVISE_H

#include <signal.h>
#include <termios.h>

#include "ckpt.h"

/**
 * struct supervisor - a parent that looks like its child
 * @child: the process whose status becomes ours
 * @tty: terminal whose foreground is handed over, -1 for none
 * @foreground: we were in its foreground when we began
 * @given: process group that has the terminal, 0 for none
 * @modes: of the terminal before
 * @killed: the child was ended by a signal
 * @nested: the child may hand over the terminal itself
 * @notes_in: tells of the child's own child, -1 for none
 * @notes_out: where to tell of ours, -1 for nobody
 * @signals: those that are taken and forwarded
 * @old_mask: signal mask before
 * @asked: signal that we turned into a SIGKILL, or 0
 */
struct supervisor {
	pid_t child;
	int tty;
	bool foreground;
	pid_t given;
	struct termios modes;
	bool killed;
	bool nested;
	int notes_in;
	int notes_out;
	sigset_t signals;
	sigset_t old_mask;
	int asked;
};

/**
 * struct note - what a supervisor below another one tells that
 * @kind: NOTE_*
 * @pid: of its child, as it sees it
 */
struct note {
	int kind;
	pid_t pid;
};

#define NOTE_STOPPED	1
#define NOTE_RUNNING	2

void supervisor_init(struct supervisor *s);
void supervisor_find_tty(struct supervisor *s);
void supervisor_block(struct supervisor *s);
void supervisor_unblock(struct supervisor *s);
int supervisor_wait_note(struct supervisor *s, struct note *note);
int supervise(struct supervisor *s);

#endif
