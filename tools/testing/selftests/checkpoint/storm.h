/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Storms: processes that do one thing to groups and their tasks, over and
 * over, until it is over. Behind fail.h.
 */
#ifndef STORM_H
#define STORM_H

#include "fail.h"

#define STORM_GROUPS	6
#define STORM_CHAOS	3		/* targets in a group that live wildly */
#define STORM_ROOMS	8		/* groups for restarts */

enum storm_event {
	STORM_SAVED, STORM_RESTARTED, STORM_BORN, STORM_TRACED, STORM_MOVED, STORM_MOUNTED,
	STORM_SIGNALLED, STORM_FROZEN, STORM_KILLED, STORM_EVENTS
};

/* What calls came to. */
struct storm_calls {
	volatile unsigned long nr[256];	/* by errno */
	volatile unsigned long wrong;	/* what is said below about the first */
};

struct storm {
	struct fail_group group[STORM_GROUPS];
	struct fail_group room[STORM_ROOMS];
	pid_t steady[STORM_GROUPS];	/* only stopped, traced and held up */
	volatile pid_t chaos[STORM_GROUPS][STORM_CHAOS];
	volatile pid_t caller[64];
	int image_fd;
	volatile bool over;
	volatile unsigned long events[STORM_EVENTS];
	struct storm_calls saves, restarts;
	volatile int complaints;
	char complaint[4096];
};

/* Shared by all who take part. */
struct storm *storm_new(void);
void storm_free(struct storm *storm);

void storm_count(struct storm *storm, enum storm_event event);
unsigned int storm_dice(unsigned int sides);

/* The first complaint is kept. */
void storm_complain(struct storm *storm, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A verdict: documented, and with a word in the log unless the caller died. */
void storm_verdict(struct storm *storm, struct storm_calls *calls, const int *documented,
		   int err, const struct fail_report *report);
void storm_tell(const char *what, const struct storm_calls *calls);
extern const int storm_checkpoint_errors[], storm_restart_errors[];

/* In targets. */
int storm_live(const char *how);

/* Each of them until it is over; for fail_helper(). */
void storm_of_births(void *storm);
void storm_of_tracers(void *storm);
void storm_of_moves(void *storm);
void storm_of_mounts(void *storm);
void storm_of_signals(void *storm);
void storm_of_freezes(void *storm);

#endif /* STORM_H */
