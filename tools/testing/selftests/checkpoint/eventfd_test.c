// SPDX-License-Identifier: GPL-2.0
/* eventfds: the counter, the semaphore, what is shared, and what is refused. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"
#include "fail.h"

/* programs here are those of cr.h */
const struct fail_target fail_targets[] = { { 0 } };

CR_FIXTURE(eventfd);

static void reads(int fd, uint64_t expected)
{
	uint64_t count = 0;

	CR_EQ(8, read(fd, &count, 8));
	CR_EQ(expected, count);
}

CR_TEST(eventfd, keeps_a_counter_of_64_bits_and_nonblock)
{
	uint64_t count = 1ULL << 40 | 7;
	int fd = eventfd(0, EFD_NONBLOCK);

	CR_EQ(8, write(fd, &count, 8));
	cr_ready();
	CR_EQ(O_RDWR | O_NONBLOCK, fcntl(fd, F_GETFL));
	reads(fd, count);
	CR_EQ(-1, read(fd, &count, 8));
	CR_EQ(EAGAIN, errno);
}

CR_TEST(eventfd, keeps_a_semaphore)
{
	int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK), i;
	uint64_t count;

	cr_ready();
	for (i = 0; i < 3; i++)
		reads(fd, 1);
	CR_EQ(-1, read(fd, &count, 8));
	CR_EQ(EAGAIN, errno);
}

/* The child waits in read(2) for what the parent writes after the restart. */
CR_TEST(eventfd, wakes_another_process)
{
	int fd = eventfd(0, 0);
	uint64_t count = 5;
	pid_t pid = fork();

	if (!pid) {
		reads(fd, 5);
		_exit(0);
	}
	cr_ready();
	CR_EQ(8, write(fd, &count, 8));
	cr_reap(pid, 0);
}

CR_PROGRAM(holder)
{
	CR_EQ(3, eventfd(9, 0));
	cr_ready();
	reads(3, 9);
}

TEST_F(eventfd, of_a_task_outside_too_is_refused)
{
	struct cr *cr = &self->cr;
	int pidfd, fd;

	ASSERT_EQ(0, cr_start_ready(cr, "holder", NULL));
	pidfd = syscall(SYS_pidfd_open, cr->pid, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, 3, 0);
	close(pidfd);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EXDEV, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "[eventfd]"));
	close(fd);
	EXPECT_EQ(0, cr_move(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* Put a descriptor into a socket, where it is no task's. */
static int send_away(int socket, int fd)
{
	char room[CMSG_SPACE(sizeof(fd))] = {}, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -1;
}

TEST_F(eventfd, that_is_under_way_in_a_socket_is_EBUSY)
{
	struct cr *cr = &self->cr;
	int pidfd, fd, pair[2];

	ASSERT_EQ(0, cr_start_ready(cr, "holder", NULL));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pidfd = syscall(SYS_pidfd_open, cr->pid, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, 3, 0);
	close(pidfd);
	ASSERT_EQ(0, send_away(pair[0], fd));
	close(fd);
	EXPECT_EQ(-EBUSY, cr_checkpoint(cr));
	EXPECT_TRUE(cr_logged(cr, "is held by something"));
	close(pair[0]);
	close(pair[1]);
	EXPECT_EQ(0, cr_move(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

/* Restart an image whose eventfd was changed and sealed again. */
static int restart_changed(struct cr *cr, void (*change)(struct ckpt_file_eventfd *))
{
	int fd = open(cr->image, O_RDONLY | O_CLOEXEC), rec, err;
	struct fail_image image;

	if (fd < 0 || fail_image_read(&image, fd))
		return 1;
	close(fd);
	rec = fail_image_find(&image, CKPT_REC_FILE_EVENTFD, 0);
	if (rec < 0)
		return 1;
	change(fail_image_data(&image, rec));
	fail_image_seal(&image);
	fd = fail_image_fd(image.data, image.len);
	err = cr_restart_fd(cr, fd);
	close(fd);
	fail_image_free(&image);
	return err;
}

static void full(struct ckpt_file_eventfd *e) { e->count = ~0ULL; }
static void flagged(struct ckpt_file_eventfd *e) { e->semaphore = 2; }
static void reserved(struct ckpt_file_eventfd *e) { e->__reserved = 1; }
static void read_only(struct ckpt_file_eventfd *e) { e->file.flags = O_RDONLY; }
static void credless(struct ckpt_file_eventfd *e) { e->file.cred = e->file.id; }
static void fine(struct ckpt_file_eventfd *e) { e->count = 9; }

TEST_F(eventfd, of_a_hostile_image_is_looked_at)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "holder", NULL));
	ASSERT_EQ(0, cr_stop(cr));
	EXPECT_EQ(-EBADMSG, restart_changed(cr, full));
	EXPECT_EQ(-EBADMSG, restart_changed(cr, flagged));
	EXPECT_EQ(-EBADMSG, restart_changed(cr, reserved));
	EXPECT_EQ(-EBADMSG, restart_changed(cr, read_only));
	EXPECT_EQ(-EBADMSG, restart_changed(cr, credless));
	ASSERT_EQ(0, restart_changed(cr, fine));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

TEST_HARNESS_MAIN
