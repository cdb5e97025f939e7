// SPDX-License-Identifier: GPL-2.0
/*
 * Files that appear whole or not at all: written under another name beside
 * the target, brought to disk, and renamed. Neither step follows a symlink.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"

static int prepare_stdout(struct output *o)
{
	struct stat st;

	o->fd = STDOUT_FILENO;
	if (fstat(o->fd, &st)) {
		say("standard output is closed; give -o FILE");
		return -1;
	}
	if (isatty(o->fd)) {
		say("will not write an image to a terminal; give -o FILE, or redirect the output");
		return -1;
	}
	if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return 0;
	say("an image goes to a file, a pipe or a socket; standard output is none of them");
	return -1;
}

/* A target that is no regular file is not ours to replace. */
static int check_target(const struct output *o)
{
	struct stat st;

	if (fstatat(o->dir, o->base, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno == ENOENT)
			return 0;
		say("cannot look at %s: %s", escape_str(o->name), strerror(errno));
		return -1;
	}
	if (S_ISREG(st.st_mode))
		return 0;
	if (S_ISLNK(st.st_mode))
		say("%s is a symlink and is not followed; give the file it points to",
		    escape_str(o->name));
	else
		say("%s is not a regular file; give another name, or redirect the output",
		    escape_str(o->name));
	return -1;
}

/*
 * Chooses names and looks whether the target can be made; makes nothing, so
 * that the guardian can know the names first.
 */
int output_prepare(struct output *o, const char *name, bool stream)
{
	const char *slash = strrchr(name, '/');
	uint64_t token;
	char *dir;

	*o = (struct output){ .name = name, .fd = -1, .dir = -1 };
	if (stream && !strcmp(name, "-"))
		return prepare_stdout(o);
	o->base = strdup(slash ? slash + 1 : name);
	if (!*o->base || !strcmp(o->base, ".") || !strcmp(o->base, "..")) {
		say("not a file name: '%s'", escape_str(name));
		return -1;
	}
	dir = slash ? strndup(name, slash - name + 1) : strdup(".");
	o->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->dir < 0 && errno == EACCES)
		o->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o->dir < 0) {
		say("cannot open directory %s: %s", escape_str(dir), strerror(errno));
		free(dir);
		return -1;
	}
	free(dir);
	if (getrandom(&token, sizeof(token), GRND_NONBLOCK) != sizeof(token))
		token = now_ms() << 24 ^ getpid();
	o->tmp = xasprintf(".%.200s.%016llx", o->base, (unsigned long long)token);
	return check_target(o);
}

int output_create(struct output *o)
{
	if (o->dir < 0)
		return 0;
	o->fd = openat(o->dir, o->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	/* an umask could take bits away that the mode is to have */
	if (o->fd >= 0 && !fchmod(o->fd, 0600))
		return 0;
	say("cannot create %s: %s", escape_str(o->name), strerror(errno));
	output_abort(o);
	return -1;
}

/* Does fsync(2) tell that the bytes have arrived for good? */
bool output_confirms(const struct output *o)
{
	struct stat st;

	return o->dir >= 0 || (!fstat(o->fd, &st) && S_ISREG(st.st_mode));
}

int output_sync(struct output *o)
{
	if (!fsync(o->fd) || (!output_confirms(o) && (errno == EINVAL || errno == EROFS)))
		return 0;
	say("cannot bring %s to disk: %s", escape_str(o->name), strerror(errno));
	return -1;
}

/*
 * Some file systems tell only now that what they took has come to nothing: a
 * quota of a server, an upload. The descriptor is gone even if this fails.
 */
static int output_close(struct output *o)
{
	int err = close(o->fd);

	o->fd = -1;
	if (!err)
		return 0;
	say("cannot close %s: %s", escape_str(o->name), strerror(errno));
	return -1;
}

static int open_to_read(const struct output *o)
{
	if (o->dir < 0)
		return open("/proc/self/fd/1", O_RDONLY | O_CLOEXEC);
	return openat(o->dir, o->tmp, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

/* A file of ours can be read back, whatever standard output is need not. */
int output_check_readable(const struct output *o)
{
	int fd;

	if (o->dir >= 0)
		return 0;
	fd = open_to_read(o);
	if (fd < 0) {
		say("cannot read standard output back: %s; use -o FILE, or --no-verify",
		    strerror(errno));
		return -1;
	}
	close(fd);
	return 0;
}

/* A descriptor of its own that reads the last @bytes, which are the image. */
int output_reopen(const struct output *o, uint64_t bytes)
{
	int fd = open_to_read(o);
	off_t end = lseek(o->fd, 0, SEEK_CUR);

	if (fd >= 0 && end >= 0 && lseek(fd, end - bytes, SEEK_SET) >= 0)
		return fd;
	say("cannot read %s: %s", o->dir >= 0 ? escape_str(o->name) : "standard output",
	    strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int output_commit(struct output *o)
{
	if (output_close(o))
		return -1;
	if (o->dir < 0)
		return 0;
	if (renameat(o->dir, o->tmp, o->dir, o->base)) {
		say("cannot rename the image to %s: %s", escape_str(o->name), strerror(errno));
		return -1;
	}
	/* a directory that cannot be read (O_PATH) cannot be synced: EBADF */
	if (fsync(o->dir) && errno != EBADF && errno != EINVAL && errno != EROFS) {
		say("cannot bring the directory of %s to disk: %s", escape_str(o->name),
		    strerror(errno));
		return -1;
	}
	free(o->tmp);
	o->tmp = NULL;
	return 0;
}

void output_abort(struct output *o)
{
	if (o->dir >= 0 && o->tmp)
		unlinkat(o->dir, o->tmp, 0);
	if (o->dir >= 0 && o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}
