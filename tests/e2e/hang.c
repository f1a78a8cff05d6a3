/* SPDX-License-Identifier: ISC */
/*
 * hang SOURCE MOUNTPOINT: shows a directory at another place, without any cache, so that whoever looks
 * there hangs as soon as this process is stopped, as on a dead disk or network.
 */
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int source;

static const char *below(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static int hang_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	return fstatat(source, below(path), st, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int hang_readlink(const char *path, char *buf, size_t size)
{
	ssize_t n = readlinkat(source, below(path), buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

static int hang_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off,
			struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	int fd = openat(source, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	(void)off, (void)fi, (void)flags;
	if (!d)
		return -errno;
	for (struct dirent *e; (e = readdir(d));)
		fill(buf, e->d_name, NULL, 0, 0);
	closedir(d);
	return 0;
}

static int hang_open(const char *path, struct fuse_file_info *fi)
{
	int fd = openat(source, below(path), fi->flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	fi->direct_io = 1;
	return 0;
}

static int hang_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	int fd = openat(source, below(path), fi->flags | O_CREAT | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	fi->direct_io = 1;
	return 0;
}

static int hang_write(const char *path, const char *buf, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	ssize_t n = pwrite((int)fi->fh, buf, size, off);

	(void)path;
	return n < 0 ? -errno : (int)n;
}

static int hang_mkdir(const char *path, mode_t mode)
{
	return mkdirat(source, below(path), mode) ? -errno : 0;
}

static int hang_unlink(const char *path)
{
	return unlinkat(source, below(path), 0) ? -errno : 0;
}

static int hang_rename(const char *from, const char *to, unsigned int flags)
{
	return renameat2(source, below(from), source, below(to), flags) ? -errno : 0;
}

/* Everything here belongs to whoever asks. */
static int hang_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	(void)path, (void)mode, (void)fi;
	return 0;
}

static int hang_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
	(void)path, (void)uid, (void)gid, (void)fi;
	return 0;
}

static int hang_read(const char *path, char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	ssize_t n = pread((int)fi->fh, buf, size, off);

	(void)path;
	return n < 0 ? -errno : (int)n;
}

static int hang_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	close((int)fi->fh);
	return 0;
}

/* A reader makes durable what it accepted. */
static int hang_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	(void)path, (void)datasync, (void)fi;
	return 0;
}

static const struct fuse_operations operations = {
	.getattr = hang_getattr,
	.readlink = hang_readlink,
	.readdir = hang_readdir,
	.open = hang_open,
	.create = hang_create,
	.read = hang_read,
	.write = hang_write,
	.mkdir = hang_mkdir,
	.unlink = hang_unlink,
	.rename = hang_rename,
	.chmod = hang_chmod,
	.chown = hang_chown,
	.release = hang_release,
	.fsync = hang_fsync,
	.fsyncdir = hang_fsync,
};

int main(int argc, char **argv)
{
	char single[] = "-s", foreground[] = "-f", flag[] = "-o",
	     options[] = "allow_other,attr_timeout=0,entry_timeout=0,negative_timeout=0";
	char *args[] = {argv[0], single, foreground, flag, options, argv[2], NULL};

	if (argc != 3 || (source = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) {
		fprintf(stderr, "usage: hang SOURCE MOUNTPOINT\n");
		return 2;
	}
	return fuse_main(6, args, &operations, NULL);
}
