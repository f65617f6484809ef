/* Asks the static library for its numbers. The script beside this file knows what they should be. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

uint32_t promised(void);
bool abandoned(void);
uint32_t cancelled(void);
uint32_t queued(void);
uint32_t pooled(void);
uint32_t critical_depth(void);
bool critical_entered(void);

#ifdef WITH_ALLOCATOR
uint32_t ran_inline(void);
uint32_t ran_pumped(void);
uint32_t mapped(void);
uint32_t waited(void);
uint32_t allocated(void);
#endif

/* The toolchain's `core` was compiled to unwind and refers to this. Here nothing unwinds; and if the standard library were
   linked after all, there would be two of it. */
void rust_eh_personality(void) {
    abort();
}

int main(void) {
    printf("promised %u\n", promised());
    printf("abandoned %d\n", abandoned());
    printf("cancelled %u\n", cancelled());
    printf("queued %u\n", queued());
    printf("pooled %u\n", pooled());
#ifdef WITH_ALLOCATOR
    printf("inline %u\n", ran_inline());
    printf("pumped %u\n", ran_pumped());
    printf("mapped %u\n", mapped());
    printf("waited %u\n", waited());
    printf("allocated %u\n", allocated());
#endif
    printf("critical %d %u\n", critical_entered(), critical_depth());
    return 0;
}
