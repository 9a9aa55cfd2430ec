// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks whether a library can be preloaded into a program.
 *
 * The dynamic linker prints little or nothing if it cannot preload, and the program would run
 * unprotected. So this is checked first.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ctl/asks.h"
#include "ctl/ctl.h"
#include "ctl/program.h"

/* Maximum nesting of scripts as interpreters; the kernel follows no more, either. */
#define SCRIPT_DEPTH 4

/**
 * struct image - a file in memory
 * @data: content of the file
 * @size: number of bytes
 */
struct image {
	const char *data;
	size_t size;
};

/**
 * ctl_find_program() - find a command as execvp() would
 * @name: the command
 * @path: gets its path, PATH_MAX bytes
 * Return: 0, or -1 and errno
 */
int ctl_find_program(const char *name, char *path)
{
	const char *dirs = getenv("PATH");
	int error = ENOENT;

	if (strchr(name, '/')) {
		struct stat st;

		snprintf(path, PATH_MAX, "%s", name);
		if (access(path, X_OK) || stat(path, &st))
			return -1;
		/* as execve() does */
		errno = EACCES;
		return S_ISREG(st.st_mode) ? 0 : -1;
	}
	for (dirs = dirs ? dirs : "/bin:/usr/bin"; *name && dirs; dirs = strchr(dirs, ':')) {
		struct stat st;
		size_t len;

		dirs += *dirs == ':';
		len = strcspn(dirs, ":");
		snprintf(path, PATH_MAX, "%.*s/%s", len ? (int)len : 1, len ? dirs : ".", name);
		if (!access(path, X_OK) && !stat(path, &st) && S_ISREG(st.st_mode))
			return 0;
		if (errno == EACCES)
			error = EACCES;
	}
	errno = error;
	return -1;
}

static bool map_file(const char *path, struct image *image, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *data = MAP_FAILED;

	if (fd < 0)
		return false;
	if (!fstat(fd, st) && st->st_size > 0)
		data = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return false;
	image->data = data;
	image->size = (size_t)st->st_size;
	return true;
}

static void unmap_file(const struct image *image)
{
	munmap((void *)image->data, image->size);
}

/* Returns a part of the file, or NULL if it exceeds the file. */
static const void *part(const struct image *image, uint64_t offset, uint64_t size)
{
	if (offset > image->size || size > image->size - offset)
		return NULL;
	return image->data + offset;
}

static const ElfW(Phdr) * header(const struct image *image, const ElfW(Ehdr) * ehdr, size_t i)
{
	return part(image, ehdr->e_phoff + i * sizeof(ElfW(Phdr)), sizeof(ElfW(Phdr)));
}

/* Returns the dynamic linker that the file asks for, or NULL. */
static const char *find_linker(const struct image *image)
{
	const ElfW(Ehdr) *ehdr = part(image, 0, sizeof(*ehdr));

	for (size_t i = 0; ehdr && i < ehdr->e_phnum; i++) {
		const ElfW(Phdr) *phdr = header(image, ehdr, i);
		const char *linker;

		if (!phdr || phdr->p_type != PT_INTERP || !phdr->p_filesz)
			continue;
		linker = part(image, phdr->p_offset, phdr->p_filesz);
		if (linker && !linker[phdr->p_filesz - 1])
			return linker;
	}
	return NULL;
}

/* Go's toolchain leaves a note. Go programs make system calls directly, even with libc. */
static bool is_go(const struct image *image)
{
	static const char name[] = "Go\0";
	const ElfW(Ehdr) *ehdr = part(image, 0, sizeof(*ehdr));

	for (size_t i = 0; ehdr && i < ehdr->e_phnum; i++) {
		const ElfW(Phdr) *phdr = header(image, ehdr, i);
		const ElfW(Nhdr) * note;

		if (!phdr || phdr->p_type != PT_NOTE)
			continue;
		note = part(image, phdr->p_offset, sizeof(*note) + sizeof(name));
		if (note && note->n_namesz == sizeof(name) && !memcmp(note + 1, name, sizeof(name)))
			return true;
	}
	return false;
}

static bool same_linker(const char *linker)
{
	struct image self;
	struct stat st;
	const char *own;
	bool same;

	if (!map_file("/proc/self/exe", &self, &st))
		return true;
	own = find_linker(&self);
	same = !own || !strcmp(own, linker);
	unmap_file(&self);
	return same;
}

static const char *cannot_preload_elf(const struct image *image)
{
	const unsigned char *ident = part(image, 0, EI_NIDENT);
	const char *linker;

	if (!ident || ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
		return "it is of another architecture";
	linker = find_linker(image);
	if (!linker)
		return "it is statically linked";
	if (!same_linker(linker))
		return "it has another dynamic linker than this program";
	if (is_go(image))
		return "it is a Go program, which makes system calls by itself";
	return NULL;
}

static const char *cannot_preload_privileges(const char *path, const struct stat *st)
{
	if (((st->st_mode & S_ISUID) && st->st_uid != geteuid()) ||
	    ((st->st_mode & S_ISGID) && st->st_gid != getegid()))
		return "it is set-user-ID or set-group-ID, where the dynamic linker preloads "
		       "nothing";
	if (geteuid() && getxattr(path, "security.capability", NULL, 0) >= 0)
		return "it has file capabilities, with which the dynamic linker preloads nothing";
	return NULL;
}

/* ---- programs that run others ---- */

/* They run a program as another user, in a new environment. */
static const char *const changers[] = { "doas", "pkexec", "runuser", "su", "su-rs", "sudo",
					"sudo-rs", "sudoedit" };

/* They run a program that sees other files. */
static const char *const movers[] = { "bwrap", "chroot", "firejail", "nsenter", "schroot" };

/* Finds the interpreter that a script names in its first line. */
static bool script_interpreter(const struct image *image, char *path)
{
	size_t i = 2, len = 0;

	while (i < image->size && (image->data[i] == ' ' || image->data[i] == '\t'))
		i++;
	while (i + len < image->size && len < PATH_MAX - 1 &&
	       !strchr(" \t\n", image->data[i + len]))
		len++;
	memcpy(path, image->data + i, len);
	path[len] = '\0';
	return len > 0;
}

/**
 * ctl_cannot_preload() - get the reason why a library cannot be preloaded into a program
 * @path: the program, or a script
 * Return: the reason, or NULL if it can be
 */
const char *ctl_cannot_preload(const char *path)
{
	char script[PATH_MAX];

	if (ctl_is_called(changers, ARRAY_SIZE(changers), path))
		return "it runs programs as another user, in an environment without the library";
	if (ctl_is_called(movers, ARRAY_SIZE(movers), path))
		return "it runs programs where the library may not be found";
	for (int i = 0; i < SCRIPT_DEPTH; i++) {
		bool is_script = false;
		struct image image;
		struct stat st;
		const char *why = NULL;

		if (!map_file(path, &image, &st))
			return "it cannot be read";
		if (image.size > 2 && !memcmp(image.data, "#!", 2))
			is_script = script_interpreter(&image, script);
		else if (image.size < SELFMAG || memcmp(image.data, ELFMAG, SELFMAG) != 0)
			why = "it is not an ELF program";
		else
			why = cannot_preload_elf(&image);
		unmap_file(&image);
		if (!is_script)
			return why ? why : cannot_preload_privileges(path, &st);
		path = script;
	}
	return "its interpreters are nested too deeply";
}
