/* The pages of the menu. Each draws itself and returns when the person is done with it. */
#pragma once

void page_text(void);      /* text.c */
void page_mode13h(void);   /* pictures.c */
void page_vbe(void);       /* pictures.c */
void page_keyboard(void);  /* input.c */
void page_mouse(void);     /* input.c */
void page_speaker(void);   /* sound.c */
void page_timer(void);     /* clocks.c */
void page_memory(void);    /* memory.c */
void page_benchmark(void); /* benchmark.c */
