// SPDX-License-Identifier: GPL-2.0
/* Objects that live on outside: the caller of restart gives others instead. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"
#include "cr_image.h"

CR_FIXTURE(external);

/* Take a copy of a descriptor of the program. */
static int take(struct cr *cr, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, cr->pid, 0);
	int own = syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	close(pidfd);
	return own;
}

/* Keys of the image's external objects. */
static int keys(struct cr *cr, __u64 *key, int max)
{
	struct ckpt_record *rec = NULL;
	struct cr_image image;
	int nr = 0;

	if (cr_image_read(cr, &image))
		return -1;
	while ((rec = cr_image_next(&image, rec, CKPT_REC_FILE_EXTERNAL)) && nr < max)
		key[nr++] = ((struct ckpt_file_external *)(rec + 1))->key;
	cr_image_free(&image);
	return nr;
}

static void inherit(struct cr *cr, __u64 key, int fd)
{
	cr->inherit[cr->nr_inherit++] = (struct restart_inherit){ .key = key, .fd = fd };
}

/* Writes to 4, whose reader the test has taken. */
CR_PROGRAM(writer)
{
	int fds[2];

	CR_EQ(0, pipe(fds));
	CR_EQ(4, fds[1]);
	cr_touch("made");
	cr_await("taken");
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	cr_ready();
	CR_EQ(5, write(4, "after", 5));
	_exit(0);
}

/* Start a program and take its descriptor @nr. Return: the copy, or an errno. */
static int start_and_take(struct cr *cr, const char *program, int nr)
{
	char path[128];
	int fd, err = cr_start(cr, program, NULL) ?: cr_wait_for(cr, "made");

	if (err)
		return err;
	fd = take(cr, nr);
	snprintf(path, sizeof(path), "%s/taken", cr->dir);
	close(open(path, O_CREAT | O_WRONLY, 0666));
	return cr_wait_for(cr, "ready") ?: fd;
}

TEST_F(external, pipe_end_is_replaced)
{
	struct cr *cr = &self->cr;
	char text[16] = "";
	int fd, fds[2];
	__u64 key[4];

	fd = start_and_take(cr, "writer", 3);
	ASSERT_LT(0, fd);
	ASSERT_EQ(0, cr_stop(cr));
	ASSERT_EQ(1, keys(cr, key, 4));
	ASSERT_EQ(0, pipe(fds));
	inherit(cr, key[0], fds[1]);
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
	close(fds[1]);
	EXPECT_EQ(5, read(fds[0], text, sizeof(text)));
	EXPECT_STREQ("after", text);
	EXPECT_EQ(0, read(fds[0], text, sizeof(text)));
}

TEST_F(external, errors_name_the_key_and_start_nothing)
{
	struct cr *cr = &self->cr;
	int fd, fds[2], sockets[2];
	char text[32];
	__u64 key[4];

	fd = start_and_take(cr, "writer", 3);
	ASSERT_LT(0, fd);
	ASSERT_EQ(0, cr_stop(cr));
	ASSERT_EQ(1, keys(cr, key, 4));
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	snprintf(text, sizeof(text), "0x%llx", key[0]);

	/* nothing given */
	EXPECT_EQ(-ENOKEY, cr_restart(cr));
	EXPECT_TRUE(cr_logged(cr, text));
	/* another kind */
	inherit(cr, key[0], sockets[0]);
	EXPECT_EQ(-EINVAL, cr_restart(cr));
	EXPECT_TRUE(cr_logged(cr, text));
	/* the wrong end */
	cr->inherit[0].fd = fds[0];
	EXPECT_EQ(-EINVAL, cr_restart(cr));
	/* not open */
	cr->inherit[0].fd = 999;
	EXPECT_EQ(-EBADF, cr_restart(cr));
	/* the same key twice */
	cr->inherit[0].fd = fds[1];
	inherit(cr, key[0], fds[1]);
	EXPECT_EQ(-EINVAL, cr_restart(cr));
	/* a key that no object has */
	cr->inherit[1].key ^= 1;
	EXPECT_EQ(-EINVAL, cr_restart(cr));
	EXPECT_EQ(-1, waitpid(-1, NULL, WNOHANG));
	EXPECT_EQ(ECHILD, errno);

	cr->nr_inherit = 1;
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* Has the terminal @arg as 3 and 4, opened once and duplicated. */
CR_PROGRAM(typist)
{
	char text[16] = "";

	CR_EQ(3, open(arg, O_RDWR | O_NOCTTY));
	CR_EQ(4, dup(3));
	cr_ready();
	CR_EQ(1, isatty(3));
	CR_EQ(1, isatty(4));
	CR_EQ(5, write(3, "hello", 5));
	CR_EQ(6, read(4, text, sizeof(text)));
	CR_CHECK(!strcmp(text, "typed\n"));
	_exit(0);
}

static int open_pty(char *name, size_t size)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, size))
		return -1;
	return fd;
}

TEST_F(external, terminal_is_replaced_by_another)
{
	char first[64], second[64], text[16] = "";
	struct cr *cr = &self->cr;
	int master, other, slave;
	__u64 key[4];

	master = open_pty(first, sizeof(first));
	other = open_pty(second, sizeof(second));
	ASSERT_LE(0, master);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, cr_start_ready(cr, "typist", first));
	ASSERT_EQ(0, cr_stop(cr));
	ASSERT_EQ(1, keys(cr, key, 4));
	slave = open(second, O_RDWR | O_NOCTTY);
	inherit(cr, key[0], slave);
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(5, read(other, text, 5));
	EXPECT_STREQ("hello", text);
	EXPECT_EQ(6, write(other, "typed\n", 6));
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* Socket 3 is of the program, its peer was 4, which the test has taken. */
CR_PROGRAM(talker)
{
	char text[8] = "";
	int fds[2];

	CR_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	cr_touch("made");
	cr_await("taken");
	close(fds[1]);
	cr_ready();
	CR_EQ(4, write(3, "ping", 4));
	CR_EQ(4, read(3, text, sizeof(text)));
	CR_CHECK(!strcmp(text, "pong"));
	_exit(0);
}

TEST_F(external, socket_is_replaced)
{
	struct cr *cr = &self->cr;
	char text[8] = "";
	int fds[2], peer;
	__u64 key[4];

	peer = start_and_take(cr, "talker", 4);
	ASSERT_LT(0, peer);
	ASSERT_EQ(0, cr_stop(cr));
	ASSERT_EQ(1, keys(cr, key, 4));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	inherit(cr, key[0], fds[0]);
	ASSERT_EQ(0, cr_restart(cr));
	close(fds[0]);
	cr_go(cr);
	EXPECT_EQ(4, read(fds[1], text, 4));
	EXPECT_STREQ("ping", text);
	EXPECT_EQ(4, write(fds[1], "pong", 4));
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* Its writer is taken, so that bytes wait in a pipe of somebody else. */
CR_PROGRAM(reader)
{
	int fds[2];

	CR_EQ(0, pipe(fds));
	CR_EQ(4, fds[1]);
	CR_EQ(6, write(4, "unread", 6));
	cr_touch("made");
	cr_await("taken");
	close(4);
	cr_ready();
}

TEST_F(external, bytes_that_wait_are_told_of)
{
	struct cr *cr = &self->cr;
	int fd = start_and_take(cr, "reader", 4);

	ASSERT_LT(0, fd);
	EXPECT_EQ(0, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "has bytes that were not read yet"));
	close(fd);
}

TEST_HARNESS_MAIN
