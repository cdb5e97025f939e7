// SPDX-License-Identifier: GPL-2.0
/*
 * ckpt info - verify an image and show what is in it
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "info.h"

static const char usage[] =
"usage: ckpt info [--json | --quiet] FILE|-\n"
"\n"
"Verifies an image, all of its checksums included, and shows what is in it.\n"
"\n"
"  -j, --json   every field of every record, for programs\n"
"  -q, --quiet  verify only\n"
"  -h, --help   this text\n"
"\n"
"Exit status: 0 the image is sound, 2 usage, 3 cannot be read, 4 damaged,\n"
"truncated or not an image.\n";

static const struct option options[] = {
	{ "json",	no_argument, NULL, 'j' },
	{ "quiet",	no_argument, NULL, 'q' },
	{ "help",	no_argument, NULL, 'h' },
	{ }
};

static int open_image(const char *name)
{
	int fd;

	if (strcmp(name, "-")) {
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			say("cannot open %s: %s", escape_str(name), strerror(errno));
		return fd;
	}
	if (isatty(STDIN_FILENO)) {
		say("will not read an image from a terminal; give a file, or redirect the input");
		return -1;
	}
	return STDIN_FILENO;
}

static void print_fault(const struct info *info)
{
	const struct image *im = &info->image;

	if (im->not_image || im->io_error)
		say("%s: %s", info->name, im->error);
	else if (im->error_seq == UINT32_MAX)
		say("%s: damaged at offset %llu: %s; take another checkpoint or copy",
		    info->name, (unsigned long long)im->error_offset, im->error);
	else
		say("%s: damaged at offset %llu, record %u: %s; take another checkpoint or copy",
		    info->name, (unsigned long long)im->error_offset, im->error_seq, im->error);
}

static void read_image(struct info *info, int fd, bool keep_contents)
{
	struct image *im = &info->image;
	struct source src;
	struct record next;
	struct stat st;

	source_init(&src, fd);
	if (image_read_metadata(im, &src, &next) || image_check(im) ||
	    forest_build(&info->forest, im))
		return;
	users_build(info);
	info->readable = true;
	if (image_read_contents(im, &src, &next, keep_contents))
		return;
	if (src.seekable && !fstat(fd, &st) && S_ISREG(st.st_mode))
		info->trailing = st.st_size - src.base - src.offset;
}

static int show(const char *name, bool json, bool quiet)
{
	struct info info = { .forest.root = NOBODY };
	int fd = open_image(name), status = ST_OK;

	if (fd < 0)
		return ST_FAILED;
	info.name = escape_str(strcmp(name, "-") ? name : "standard input");
	read_image(&info, fd, json && !quiet);
	if (json && !quiet)
		info_json(&info);
	else if (!quiet)
		info_text(&info);
	if (fflush(stdout) || ferror(stdout)) {
		say("cannot write: %s", strerror(errno));
		status = ST_FAILED;
	}
	if (info.image.error) {
		print_fault(&info);
		status = info.image.io_error ? ST_FAILED : ST_DAMAGED;
	} else if (info.trailing) {
		say("%s: %llu bytes follow the image; restart does not read them", info.name,
		    (unsigned long long)info.trailing);
	}
	free(info.users);
	forest_free(&info.forest);
	image_free(&info.image);
	free(info.name);
	return status;
}

int builtin_info(int argc, char **argv)
{
	bool json = false, quiet = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "jqh", options, NULL)) >= 0) {
		switch (opt) {
		case 'j':
			json = true;
			break;
		case 'q':
			quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return ST_OK;
		default:
			return ST_USAGE;
		}
	}
	if (json && quiet) {
		say("give either --json or --quiet, not both");
		return ST_USAGE;
	}
	if (optind + 1 != argc) {
		say("give one image; see 'ckpt info --help'");
		return ST_USAGE;
	}
	return show(argv[optind], json, quiet);
}
