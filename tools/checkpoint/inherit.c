// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors for the external objects of an image.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "restart.h"

static void add(struct inherits *in, uint64_t key, int fd)
{
	in->v = xrealloc(in->v, in->nr + 1, sizeof(*in->v));
	in->v[in->nr++] = (struct restart_inherit){ .key = key, .fd = fd };
}

static bool has(const struct inherits *in, uint64_t key)
{
	size_t i;

	for (i = 0; i < in->nr; i++)
		if (in->v[i].key == key)
			return true;
	return false;
}

/* KEY=FD, as the user gives it. */
int inherit_parse(struct inherits *in, const char *text)
{
	const char *eq = strchr(text, '=');
	char *key_text = eq ? strndup(text, eq - text) : NULL;
	uint64_t key, fd;
	int err = !key_text || parse_u64(key_text, 0, &key) || parse_u64(eq + 1, 10, &fd) ||
		  fd > INT32_MAX;

	free(key_text);
	if (err) {
		say("not KEY=FD: %s; 'ckpt info' shows the keys", escape_str(text));
		return -1;
	}
	if (fcntl(fd, F_GETFD) < 0) {
		say("--inherit %s: descriptor %d is not open", escape_str(text), (int)fd);
		return -1;
	}
	if (has(in, key)) {
		say("--inherit %s: the key was given before", escape_str(text));
		return -1;
	}
	add(in, key, fd);
	return 0;
}

static bool access_fits(int fd, int access)
{
	int have = fcntl(fd, F_GETFL) & O_ACCMODE;

	return have == O_RDWR || have == access;
}

/* A terminal of ours, opened once more if none is open in the way needed. */
static int find_terminal(int access)
{
	char path[32];
	int fd, tty = -1;

	for (fd = 0; fd <= 2; fd++) {
		if (!isatty(fd))
			continue;
		if (access_fits(fd, access))
			return fd;
		tty = fd;
	}
	if (tty < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", tty);
	return open(path, access | O_NOCTTY | O_CLOEXEC);
}

/* /dev/tty, by its device number: another name of the controlling terminal. */
static bool is_controlling(const struct external *e)
{
	return e->kind == CKPT_EXTERNAL_TTY && (e->key & UINT32_MAX) == TTYAUX_MAJOR << 8;
}

/* The programs will be in our session, so theirs is ours. */
static int controlling_terminal(int access)
{
	int fd = open("/dev/tty", access | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? find_terminal(access) : fd;
}

static int check_keys(const struct inherits *in, const struct preview *p)
{
	size_t i, k;

	for (i = 0; i < in->nr; i++) {
		for (k = 0; k < p->nr_externals; k++)
			if (p->externals[k].key == in->v[i].key)
				break;
		if (k == p->nr_externals) {
			say("the image has no external object with the key 0x%llx; see 'ckpt info'",
			    (unsigned long long)in->v[i].key);
			return -1;
		}
	}
	return 0;
}

/*
 * A descriptor of ours for an object that none was given for, or -1. Our
 * terminal takes the place of the only one in the image.
 */
static int find_own(const struct external *e, size_t ttys)
{
	if (is_controlling(e))
		return controlling_terminal(e->access);
	if (e->kind == CKPT_EXTERNAL_TTY && ttys == 1)
		return find_terminal(e->access);
	return -1;
}

/* What is missing has to be named by the user, unless not @all are needed. */
int inherit_resolve(struct inherits *in, const struct preview *p, bool all)
{
	const struct external *e;
	size_t i, ttys = 0;
	int err = 0, fd;

	if (!p->sound)
		return 0;
	if (check_keys(in, p))
		return -1;
	if (!all)
		return 0;
	for (i = 0; i < p->nr_externals; i++)
		ttys += p->externals[i].kind == CKPT_EXTERNAL_TTY &&
			!is_controlling(&p->externals[i]);
	for (i = 0; i < p->nr_externals; i++) {
		e = &p->externals[i];
		if (has(in, e->key))
			continue;
		fd = find_own(e, ttys);
		if (fd >= 0) {
			add(in, e->key, fd);
			continue;
		}
		say("the %s %s of the image has no replacement: %s--inherit 0x%llx=FD",
		    external_kind(e->kind), e->name,
		    e->kind == CKPT_EXTERNAL_TTY && ttys <= 1 ? "run ckpt on a terminal, or give " :
		    "give ", (unsigned long long)e->key);
		err = -1;
	}
	return err;
}

/*
 * Those who look at the other end are to see when the programs close theirs;
 * standard descriptors stay, as with any command that waits for another.
 */
void inherit_close(const struct inherits *in)
{
	size_t i;

	for (i = 0; i < in->nr; i++)
		if (in->v[i].fd > STDERR_FILENO)
			close(in->v[i].fd);
}
