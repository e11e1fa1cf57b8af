/* slim.c - madvise(2) over what start-up has touched and nobody needs now. */
#include "base/slim.h"

#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* Start-up has mapped most of the binary, 64 KiB around each page it touched. */
static void forget_text(void)
{
	unsigned long table = getauxval(AT_PHDR), count = getauxval(AT_PHNUM), page = getauxval(AT_PAGESZ), base = 0;
	const ElfW(Phdr) *p = (const void *)table;

	for (unsigned long i = 0; table && i < count; i++)
		if (p[i].p_type == PT_PHDR)
			base = table - p[i].p_vaddr;
	for (unsigned long i = 0; table && i < count; i++)
		if (p[i].p_type == PT_LOAD && !(p[i].p_flags & PF_W)) {
			unsigned long start = (base + p[i].p_vaddr) & -page;

			(void)madvise((void *)start, base + p[i].p_vaddr + p[i].p_memsz - start, MADV_DONTNEED);
		}
}

/* Pages below the current frame (and the red zone) hold only dead frames. */
static void __attribute__((noinline)) forget_stack(void)
{
	unsigned long page = getauxval(AT_PAGESZ), here = (unsigned long)__builtin_frame_address(0);
	unsigned long end = (here - 1024) & -page;

	(void)madvise((void *)(end - 32 * page), 32 * page, MADV_DONTNEED);
}

void slim_process(void)
{
	(void)malloc_trim(0);
	forget_stack();
	forget_text();
}
