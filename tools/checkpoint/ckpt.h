/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ckpt: what all of its files share.
 */
#ifndef CKPT_H
#define CKPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <stdio.h>
#include <sys/types.h>

#define CKPT_VERSION	"0.1"

#define __printf(a, b)	__attribute__((	\
	__format__(printf, a, b)))

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Exit statuses of checkpoint, check and info. */
enum {
	ST_OK		= 0,
	ST_REFUSED	= 1,	/* something cannot be saved */
	ST_USAGE	= 2,
	ST_FAILED	= 3,
	ST_DAMAGED	= 4,	/* not an image, or a damaged one */
	ST_NOSYS	= 5,	/* a kernel without checkpoint(2) */
	ST_AGAIN	= 6,	/* did not work this time */
};

/* run and restart exit like a command of the user's; their own failures: */
enum {
	ST_SELF		= 125,
	ST_NOEXEC	= 126,	/* the command was found and cannot be run */
	ST_NOCMD	= 127,	/* the command was not found */
};

/* ckpt.c */
int builtin_run(int argc, char **argv);
int builtin_checkpoint(int argc, char **argv);
int builtin_restart(int argc, char **argv);
int builtin_check(int argc, char **argv);
int builtin_info(int argc, char **argv);

/* util.c */
extern int no_memory_status;
void __printf(1, 2) say(const char *fmt, ...);
noreturn void out_of_memory(void);
void *xmalloc(size_t size);
void *xrealloc(void *old, size_t nr, size_t size);
char *__printf(1, 2) xasprintf(const char *fmt, ...);
ssize_t read_full(int fd, void *buf, size_t len);
int write_full(int fd, const void *buf, size_t len);
ssize_t read_file_at(int dir, const char *name, char *buf, size_t size);
int write_file_at(int dir, const char *name, const char *text);
int parse_u64(const char *text, int base, uint64_t *value);
int parse_pid(const char *text, pid_t *pid);
int parse_seconds(const char *text, uint64_t *ms);
uint64_t now_ms(void);
void sleep_ms(unsigned int ms);
bool have_cap(unsigned int cap);
const char *human_size(uint64_t bytes, char buf[16]);
void uuid_text(const uint8_t uuid[16], char buf[37]);

/* userns.c */
int enter_user_ns(void);

/* escape.c */
char *escape(const void *text, size_t len);
char *escape_str(const char *text);
void put_escaped_line(FILE *f, const char *head, const char *line, size_t len);

/* crc32c.c */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* digest.c */
uint64_t page_digest(const void *page);

#endif
