// SPDX-License-Identifier: GPL-2.0
/* The program's side of a round trip. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cr.h"

extern const struct cr_program __start_cr_programs[] __attribute__((weak));
extern const struct cr_program __stop_cr_programs[] __attribute__((weak));

/*
 * An executed test that is to be a program comes neither to its main() nor to
 * the constructors of the harness, which map memory.
 */
__attribute__((constructor(101)))
static void become_program(int argc, char **argv, char **envp)
{
	const struct cr_program *program;

	if (!getenv("CR_PROGRAM"))
		return;
	for (program = __start_cr_programs; program < __stop_cr_programs; program++) {
		if (strcmp(program->name, argv[0]))
			continue;
		program->run(argv[1]);
		_exit(0);
	}
	cr_fail("no program %s", argv[0]);
}

/* Whoever sees the file may take a checkpoint: no descriptor of it is open by then. */
void cr_touch(const char *file)
{
	if (mknod(file, S_IFREG | 0666, 0) && errno != EEXIST)
		cr_fail("cannot make %s: %m", file);
}

void cr_await(const char *file)
{
	cr_until(!access(file, F_OK));
}

void cr_say_ready(void)
{
	cr_touch("ready");
}

bool cr_may_go(void)
{
	return !access("go", F_OK);
}

void cr_wait_go(void)
{
	cr_await("go");
	unlink("go");
}

void cr_ready(void)
{
	cr_say_ready();
	cr_wait_go();
}

static void note(const char *fmt, va_list ap)
{
	char text[8192];
	int len, fd, saved = errno;

	errno = saved;
	len = vsnprintf(text, sizeof(text) - 1, fmt, ap);
	if (len > (int)sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len++] = '\n';
	fd = open("notes", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (write(fd, text, len) != len)
		_exit(123);
	close(fd);
	errno = saved;
}

void cr_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(fmt, ap);
	va_end(ap);
}

void cr_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(fmt, ap);
	va_end(ap);
	_exit(1);
}

void cr_reap(pid_t pid, int status)
{
	int seen = 0;

	if (waitpid(pid, &seen, 0) != pid)
		cr_fail("waitpid(%d): %m", pid);
	if (seen != status)
		cr_fail("pid %d ended with status 0x%x, not 0x%x", pid, seen, status);
}

ssize_t cr_read_file(const char *path, void *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t nr, len = 0;

	if (fd < 0)
		return -errno;
	while ((nr = read(fd, buf + len, size - 1 - len)) > 0)
		len += nr;
	close(fd);
	((char *)buf)[len] = 0;
	return len;
}

long long cr_field(const char *path, const char *name, int base)
{
	char text[8192], want[64], *at;

	if (cr_read_file(path, text, sizeof(text)) <= 0)
		return -1;
	snprintf(want, sizeof(want), "\n%s:", name);
	at = strstr(text, want);
	return at ? strtoll(at + strlen(want), NULL, base) : -1;
}

static uint64_t pattern(size_t page, unsigned int seed)
{
	return (page + 1) * 0x9e3779b97f4a7c15ULL ^ seed * 0xff51afd7ed558ccdULL;
}

void cr_fill(void *mem, size_t len, unsigned int seed)
{
	uint64_t *word = mem;
	size_t i;

	for (i = 0; i < len / 8; i++)
		word[i] = pattern(i / 512, seed) + i % 512;
}

bool cr_filled(const void *mem, size_t len, unsigned int seed)
{
	const uint64_t *word = mem;
	size_t i;

	for (i = 0; i < len / 8; i++)
		if (word[i] != pattern(i / 512, seed) + i % 512)
			return false;
	return true;
}
