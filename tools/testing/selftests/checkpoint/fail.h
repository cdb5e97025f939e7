/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers of the tests of what fails: targets that are this very program,
 * started anew in a group; both calls with a log and a result; images taken
 * apart, changed and sealed again.
 */
#ifndef FAIL_H
#define FAIL_H

#include <linux/checkpoint.h>
#include <linux/checkpoint_image.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Files of tests and targets have names that begin so; they go with the group. */
#define FAIL_FILES	"/tmp/fail-"

/* The harness forks between setjmp() and longjmp(); it knows what it does. */
#pragma GCC diagnostic ignored "-Wclobbered"

#ifndef __NR_checkpoint
#define __NR_checkpoint	600
#endif
#ifndef __NR_restart
#define __NR_restart	601
#endif

/* ---- Targets ---- */

#define FAIL_SKIP	0x5c1b		/* a target cannot be set up here */

/* What a target tells: private memory, read from outside by /proc/PID/mem. */
struct fail_page {
	volatile uint32_t ready;
	volatile int32_t error;		/* errno of its preparation, FAIL_SKIP */
	volatile uint64_t beats;	/* grows while it runs */
	volatile uint64_t value[8];	/* what the test made of it */
};

#define FAIL_PAGE	((struct fail_page *)0x100000000000UL)	/* out of reach of brk() */

/* Prepares a target; an errno on failure. The heartbeat follows. */
struct fail_target {
	const char *name;
	int (*prepare)(const char *arg);
};

/* Each test program has this, with an empty entry at the end. */
extern const struct fail_target fail_targets[];

void fail_beat(void) __attribute__((noreturn));

struct fail_group {
	char path[96];
	int fd;
};

int fail_group_make(struct fail_group *group);
int fail_group_below(struct fail_group *group, const struct fail_group *above,
		     const char *name);
int fail_group_write(const struct fail_group *group, const char *file, const char *text);
int fail_group_has(const struct fail_group *group, const char *file, const char *text);
void fail_become_reaper(void);
void fail_group_clear(const struct fail_group *group);
bool fail_group_empty(const struct fail_group *group);
void fail_group_end(struct fail_group *group);
void fail_children_end(void);
void fail_objects_remove(void);
void fail_files_remove(const char *pattern);

pid_t fail_start(const struct fail_group *group, const char *target, const char *arg);
pid_t fail_start_unready(const struct fail_group *group, const char *target,
			 const char *arg);
int fail_wait_ready(pid_t pid);
int fail_look(pid_t pid, struct fail_page *page);
bool fail_beats(pid_t pid);
bool fail_is_still(pid_t pid);
void fail_reap(pid_t pid);
bool fail_is_gone(pid_t pid);
char fail_state(pid_t pid);
bool fail_no_children(void);
pid_t fail_helper(void (*fn)(void *arg), void *arg);
bool fail_poll(bool (*cond)(void *arg), void *arg, int ms);
void fail_nap(int ms);

/* ---- The calls ---- */

#define FAIL_LOG	(64 * 1024)

struct fail_report {
	struct ckpt_result result;
	char log[FAIL_LOG];
	int pid;			/* of the first root */
};

int fail_checkpoint(const struct fail_group *group, int image_fd, uint64_t flags,
		    uint64_t timeout_ms, struct fail_report *report);
int fail_restart(int image_fd, const struct fail_group *into, uint64_t flags,
		 struct fail_report *report);
int fail_save(const struct fail_group *group);
int fail_errors_logged(const struct fail_report *report);
const char *fail_log_line(const struct fail_report *report, const char *const *words);

/* A line of the log with all of these words in it. */
#define fail_logged(report, ...) \
	fail_log_line(report, (const char *const []){ __VA_ARGS__, NULL })

/* ---- Images ---- */

struct fail_rec {
	size_t at;			/* of its header */
	size_t end;
	uint32_t type;
};

struct fail_image {
	uint8_t *data;
	size_t len;
	struct fail_rec *rec;
	int nr;
};

uint32_t fail_crc32c(uint32_t crc, const void *data, size_t len);
void fail_record_seal(uint32_t seed, struct ckpt_record *rec, size_t len);
int fail_image_read(struct fail_image *image, int fd);
int fail_image_of(const struct fail_group *group, const char *target,
		  struct fail_image *image);
int fail_image_parse(struct fail_image *image);
void fail_image_copy(struct fail_image *to, const struct fail_image *from);
void fail_image_free(struct fail_image *image);
void fail_image_seal(struct fail_image *image);
void fail_image_build(struct fail_image *to, const struct fail_image *from,
		      const int *order, int nr);
int fail_image_find(const struct fail_image *image, uint32_t type, int nth);
void *fail_image_data(const struct fail_image *image, int rec);
int fail_image_fd(const void *data, size_t len);
int fail_image_restart(const struct fail_image *image, const struct fail_group *into,
		       uint64_t flags, struct fail_report *report);
void fail_image_seal_one(struct fail_image *image, int rec);
bool fail_image_is_gone(const struct fail_image *image, const struct fail_group *group);
int fail_image_pids(const struct fail_image *image, pid_t *pids, int max);

#endif /* FAIL_H */
