// SPDX-License-Identifier: GPL-2.0
/*
 * Small helpers.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ckpt.h"
#include "sys.h"

int no_memory_status = ST_FAILED;

/* One line on stderr, in one write so that lines of several processes keep apart. */
void say(const char *fmt, ...)
{
	char line[4096 + 512];
	int head, len;
	va_list args;

	head = snprintf(line, sizeof(line), "ckpt: ");
	va_start(args, fmt);
	len = vsnprintf(line + head, sizeof(line) - head - 1, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	len += head;
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	write_full(STDERR_FILENO, line, len);
}

noreturn void out_of_memory(void)
{
	say("out of memory");
	exit(no_memory_status);
}

void *xmalloc(size_t size)
{
	return xrealloc(NULL, 1, size);
}

void *xrealloc(void *old, size_t nr, size_t size)
{
	void *p = reallocarray(old, nr, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		out_of_memory();
	return text;
}

/* Fewer bytes than asked for means the end of the file. */
ssize_t read_full(int fd, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, (char *)buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		done += n;
	}
	return done;
}

int write_full(int fd, const void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = write(fd, (const char *)buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		done += n;
	}
	return 0;
}

/* Reads a small file whole and ends it with a NUL; longer ones are cut off. */
ssize_t read_file_at(int dir, const char *name, char *buf, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -1;
	n = read_full(fd, buf, size - 1);
	err = errno;
	close(fd);
	errno = err;
	if (n >= 0)
		buf[n] = 0;
	return n;
}

/* For files of the kernel that take one write(2). */
int write_file_at(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -1;
	do {
		n = write(fd, text, strlen(text));
	} while (n < 0 && errno == EINTR);
	err = errno;
	close(fd);
	errno = err;
	return n < 0 ? -1 : 0;
}

int parse_u64(const char *text, int base, uint64_t *value)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	*value = strtoull(text, &end, base);
	return errno || *end ? -1 : 0;
}

int parse_pid(const char *text, pid_t *pid)
{
	uint64_t value;

	if (parse_u64(text, 10, &value) || value < 1 || value > INT32_MAX)
		return -1;
	*pid = value;
	return 0;
}

int parse_seconds(const char *text, uint64_t *ms)
{
	uint64_t value;

	if (parse_u64(text, 10, &value) || value < 1 || value > 3600)
		return -1;
	*ms = value * 1000;
	return 0;
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

bool have_cap(unsigned int cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, data))
		return false;
	return data[cap / 32].effective & (1U << cap % 32);
}

const char *human_size(uint64_t bytes, char buf[16])
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = bytes / 1024.0;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(buf, 16, "%u B", (unsigned int)bytes);
		return buf;
	}
	while (value >= 1023.95 && i + 1 < ARRAY_SIZE(unit)) {
		value /= 1024;
		i++;
	}
	snprintf(buf, 16, "%.1f %s", value, unit[i]);
	return buf;
}

void uuid_text(const uint8_t uuid[16], char buf[37])
{
	char *p = buf;
	int i;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += sprintf(p, "%02x", uuid[i]);
	}
}
