/* SPDX-License-Identifier: GPL-2.0 */
/* Targets of several tasks that wait in different ways. */
#ifndef FAIL_FAMILY_H
#define FAIL_FAMILY_H

#include <stdbool.h>

/* Threads and a child in calls that go on after a restart. */
int fail_asleep(const char *arg);

/* A session, a stopped child, other rights, an event counter. */
int fail_household(const char *arg);

/* Both, and all of fail_rich(). Its page has an error once it is not whole. */
int fail_mixed(const char *arg);

/* Have all threads of this process come to their own signal masks? */
bool fail_threads_have_begun(void);

#endif /* FAIL_FAMILY_H */
