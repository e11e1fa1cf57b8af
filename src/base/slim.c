/* slim.c - madvise(2) over what start-up has touched and nobody needs now. */
#include "base/slim.h"

#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* Where the program is loaded; from the linker. (A static PIE has no PT_PHDR to compute it from.) */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Start-up has mapped most of the binary, 64 KiB around each page it touched. */
static void forget_text(void)
{
	const char *base = (const char *)&__ehdr_start;
	const ElfW(Phdr) *p = (const void *)(base + __ehdr_start.e_phoff);
	unsigned long page = getauxval(AT_PAGESZ), bias = __ehdr_start.e_type == ET_DYN ? (unsigned long)base : 0;

	for (unsigned i = 0; i < __ehdr_start.e_phnum; i++)
		if (p[i].p_type == PT_LOAD && !(p[i].p_flags & PF_W)) {
			unsigned long start = (bias + p[i].p_vaddr) & -page;

			(void)madvise((void *)start, bias + p[i].p_vaddr + p[i].p_memsz - start, MADV_DONTNEED);
		}
}

/* Pages below the current frame (and the red zone) hold only dead frames. */
static void __attribute__((noinline)) forget_stack(void)
{
	unsigned long page = getauxval(AT_PAGESZ), here = (unsigned long)__builtin_frame_address(0);
	unsigned long end = (here - 1024) & -page;

	(void)madvise((void *)(end - 32 * page), 32 * page, MADV_DONTNEED);
}

void slim_forget(const void *table, size_t size)
{
	unsigned long page = getauxval(AT_PAGESZ), start = ((unsigned long)table + page - 1) & -page, end = ((unsigned long)table + size) & -page;

	if (start < end)
		(void)madvise((void *)start, end - start, MADV_DONTNEED);
}

void slim_process(void)
{
	(void)malloc_trim(0);
	forget_stack();
	forget_text();
}
