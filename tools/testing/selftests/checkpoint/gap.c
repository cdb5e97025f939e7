// SPDX-License-Identifier: GPL-2.0
/* A page that nobody fills, by userfaultfd(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gap.h"

int gap_make(struct gap *gap)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = {
		.range.len = GAP_SIZE,
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	gap->page = mmap(NULL, GAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	area.range.start = (unsigned long)gap->page;
	gap->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (gap->fd < 0 || ioctl(gap->fd, UFFDIO_API, &api) ||
	    ioctl(gap->fd, UFFDIO_REGISTER, &area))
		return -errno;
	return 0;
}

/* Does somebody wait for it by now? */
bool gap_is_met(const struct gap *gap)
{
	struct pollfd pfd = { .fd = gap->fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLIN;
}

void gap_fill(const struct gap *gap)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (unsigned long)gap->page, .len = GAP_SIZE },
	};

	ioctl(gap->fd, UFFDIO_ZEROPAGE, &zero);
}

void gap_end(struct gap *gap)
{
	close(gap->fd);
	munmap(gap->page, GAP_SIZE);
}
