/* SPDX-License-Identifier: ISC */
/*
 * emptyfs - what libfuse costs by itself: a file system of the low-level API on libfuse's stock
 * loop, which holds nothing and encrypts nothing.
 *
 *	emptyfs [--mt] [--cache] MOUNTPOINT
 *
 * A file named "SIZE.ANYTHING" is there and has SIZE zero bytes.  It serves with direct_io, and in
 * one thread, unless told otherwise; in the foreground, until it is unmounted or told to end.
 */
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SIZE_MAX_SERVED (1024u * 1024u)
#define TIMEOUT 3600.0

static bool cached;
static char zeros[SIZE_MAX_SERVED];

/* Node ids are sizes, moved away from the root's. */
static fuse_ino_t ino_of(size_t size)
{
	return size + 16;
}

static void fill(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){.st_ino = ino, .st_nlink = 1};
	if (ino == FUSE_ROOT_ID) {
		st->st_mode = S_IFDIR | 0555;
	} else {
		st->st_mode = S_IFREG | 0444;
		st->st_size = (off_t)(ino - ino_of(0));
	}
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param p = {.attr_timeout = TIMEOUT, .entry_timeout = TIMEOUT};
	char *end;
	unsigned long size = strtoul(name, &end, 10);

	if (parent != FUSE_ROOT_ID || end == name || *end != '.' || size > SIZE_MAX_SERVED) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	p.ino = ino_of(size);
	fill(p.ino, &p.attr);
	fuse_reply_entry(req, &p);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	fill(ino, &st);
	fuse_reply_attr(req, &st, TIMEOUT);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->direct_io = !cached;
	fuse_reply_open(req, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	size_t len = ino - ino_of(0), at = (size_t)off < len ? (size_t)off : len;

	(void)fi;
	fuse_reply_buf(req, zeros + at, size < len - at ? size : len - at);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)ino, (void)size, (void)off, (void)fi;
	fuse_reply_buf(req, NULL, 0);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = op_lookup,
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
	.readdir = op_readdir,
};

int main(int argc, char **argv)
{
	char program[] = "emptyfs", option[] = "-oallow_other,fsname=emptyfs";
	char *args_argv[] = {program, option, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, args_argv);
	struct fuse_session *se = NULL;
	struct fuse_loop_config *config = NULL;
	bool threads = false;
	int status = 1, i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		threads |= strcmp(argv[i], "--mt") == 0;
		cached |= strcmp(argv[i], "--cache") == 0;
	}
	if (i + 1 != argc) {
		fputs("usage: emptyfs [--mt] [--cache] MOUNTPOINT\n", stderr);
		return 2;
	}
	se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	config = fuse_loop_cfg_create();
	if (!se || !config || fuse_set_signal_handlers(se) != 0)
		goto out;
	if (fuse_session_mount(se, argv[i]) != 0)
		goto out;
	status = threads ? fuse_session_loop_mt(se, config) : fuse_session_loop(se);
	fuse_session_unmount(se);
	status = status < 0;
out:
	if (se)
		fuse_session_destroy(se);
	if (config)
		fuse_loop_cfg_destroy(config);
	fuse_opt_free_args(&args);
	return status;
}
