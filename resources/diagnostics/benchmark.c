/* A small benchmark: how much integer, memory and floating-point work a second does here. */
#include "console.h"
#include "pages.h"

struct work {
  const char *name, *unit;
  dword (*run)(dword rounds); /* returns a checksum of one round, the same every time */
  dword operations;           /* in one round; 0: the checksum is their number */
  dword checksum;             /* 0: not known beforehand */
};

/* Sieve of Eratosthenes up to 16384: the number of primes. */
static dword sieve(dword rounds) {
  static byte composite[16384];
  dword primes = 0;
  while (rounds--) {
    primes = 0;
    for (int i = 0; i < 16384; ++i) composite[i] = 0;
    for (int i = 2; i < 16384; ++i) {
      if (composite[i]) continue;
      ++primes;
      for (int j = i + i; j < 16384; j += i) composite[j] = 1;
    }
  }
  return primes;
}

/* CRC-32, bit by bit, over 4 KiB of the program itself. */
static dword crc(dword rounds) {
  dword value = 0;
  while (rounds--) {
    value = 0xFFFFFFFF;
    for (dword i = 0; i < 4096; ++i) {
      value ^= (byte)(i * 7 + 3);
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xEDB88320 : 0);
    }
  }
  return ~value;
}

/* 64 KiB copied by string instructions. */
static dword copy(dword rounds) {
  static dword from[16384], to[16384];
  for (dword i = 0; i < 16384; ++i) from[i] = i * 2654435761u;
  while (rounds--) {
    dword *source = from, *target = to;
    dword count = 16384;
    __asm__ volatile("rep movsl" : "+S"(source), "+D"(target), "+c"(count)::"memory");
  }
  return to[16383];
}

/* The Mandelbrot set on a 48x32 grid in double precision: total of the iterations. */
static dword mandelbrot(dword rounds) {
  dword total = 0;
  while (rounds--) {
    total = 0;
    for (int y = 0; y < 32; ++y) {
      for (int x = 0; x < 48; ++x) {
        double re = x * (3.0 / 48) - 2.25, im = y * (2.5 / 32) - 1.25, a = 0, b = 0;
        int n = 0;
        while (n < 64 && a * a + b * b < 4.0) {
          double next = a * a - b * b + re;
          b = 2 * a * b + im;
          a = next;
          ++n;
        }
        total += (dword)n;
      }
    }
  }
  return total;
}

static const struct work works[] = {
    {"Sieve of Eratosthenes", "M steps/s", sieve, 57000, 1900},
    {"CRC-32, bit by bit", "M bits/s", crc, 32768, 0x5E4E1995},
    {"Memory copy", "MB/s", copy, 65536, 16383u * 2654435761u},
    {"Mandelbrot (double)", "M iterations/s", mandelbrot, 0, 0},
};

void page_benchmark(void) {
  screen_title("Benchmark", "Esc: menu");
  text_at(4, 3, BRIGHT, "Work                          Result");
  debug_text("@benchmark\n");
  for (int i = 0; i < 4; ++i) {
    const struct work *work = &works[i];
    text_at(4, 5 + i * 2, NORMAL, work->name);
    dword rounds = 1, checksum = 0, microseconds = 0;
    for (;;) { /* more rounds until it takes a quarter of a second */
      time_start();
      checksum = work->run(rounds);
      microseconds = time_microseconds();
      time_stop();
      if (microseconds >= 250000 || rounds >= 1u << 20) break;
      rounds *= microseconds < 25000 ? 8 : 2;
    }
    dword operations = work->operations ? work->operations : checksum;
    /* Operations a microsecond are millions a second; in hundredths, for two decimals. */
    dword result = multiply_divide(operations, rounds, microseconds / 100 ? microseconds / 100 : 1);
    decimal_at(30, 5 + i * 2, BRIGHT, result, 2, 10);
    text_at(41, 5 + i * 2, NORMAL, work->unit);
    int right = work->checksum == 0 || work->checksum == checksum;
    text_at(58, 5 + i * 2, right ? GOOD : BAD, right ? "right" : "WRONG");
    hex_at(66, 5 + i * 2, DIM, checksum, 8);
    debug_text("@result ");
    debug_text(work->name);
    debug_text(": ");
    debug_number(result);
    debug_text(right ? " right " : " wrong ");
    debug_number(checksum);
    debug_text("\n");
  }
  text_at(4, 14, GOOD, "Done.");
  debug_text("@done\n");
  while (key_wait() != KEY_ESCAPE) continue;
}
