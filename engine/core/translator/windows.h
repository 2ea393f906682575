// Guest address spaces laid out in the host's virtual memory: translated code reaches guest memory there with one host
// instruction, and the host's MMU does the translation.
//
// A window is 4 GiB of host addresses in which guest pages stand at their linear addresses, mapped from the memfd when
// they are first touched: the host's SIGSEGV is the miss. Pages are mapped only as far as the guest's own tables say
// that they were accessed (for stores: written) before, so that accessed and dirty bits stay true; pages with code,
// devices and frame buffers are never mapped for stores, or not at all. Mapping costs as much as ten thousand
// instructions, so only address spaces that ran for long have a window, and one whose tables change all the time loses
// it again.
//
// A guest may edit its page tables as it likes and flush later. Copies of the tables that a window was made from tell
// at the flush what has changed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "../physical_memory.h"

namespace bancada {

class Interpreter;

enum class WindowPolicy : uint8_t {
  never,
  when_it_pays,
  always,  // any address space and privilege, at once: for tests
};

struct WindowCounters {
  uint64_t opened = 0, closed = 0, mapped = 0, unmapped = 0, checks = 0, faults = 0;
};

class Windows {
 public:
  // Whether this host lets programs set the base of GS, which the windows are reached by.
  static bool is_supported();

  Windows(Interpreter& cpu, WindowPolicy policy);
  ~Windows();
  Windows(const Windows&) = delete;
  Windows& operator=(const Windows&) = delete;

  // The host address of the window of the current address space and privilege, what is mapped in it checked; nullptr
  // while it has none. To be asked when either may have changed.
  uint8_t* select();
  // Whether a host address lies in any window, be it closed by now.
  bool covers(uint64_t host) const;

  enum class Answer : uint8_t {
    mapped,
    later,  // the interpreter has to touch it first, and may well fault
    unfit,  // no page for a window
  };
  // Maps a page of the window selected last, and neighbours with it.
  Answer map(uint64_t host, bool store);
  // The interpreter touched a page: if it was asked for in vain before, it is mapped now.
  void touched(uint32_t set, uint32_t linear, bool store) {
    if (linear >> 12 == wanted_page_ && set == wanted_set_) map_wanted(linear, store);
  }

  // -- Flushes
  void tables_may_have_changed() { ++epoch_; }
  void flush_page(uint32_t linear);
  void close_all();
  void forget_stores_to(uint32_t physical);

  WindowPolicy policy() const { return policy_; }
  const WindowCounters& counters() const { return counters_; }

 private:
  static constexpr uint64_t BYTES = uint64_t{1} << 32;
  static constexpr uint64_t GUARD = 1u << 16;  // for operands that begin below 4 GiB and end above
  static constexpr uint32_t MOST_WINDOWS = 8;
  static constexpr uint32_t MOST_SPACES = 24;
  static constexpr uint32_t LONGEST_RUN = 64;  // pages mapped at once
  static constexpr uint32_t NO_PAGE = UINT32_MAX;
  // Instructions an address space runs before it gets a window; each time it loses it, four times as many.
  static constexpr uint64_t AGE = 8'000'000;
  static constexpr uint64_t AGE_OF_KERNEL = 40'000'000;  // in each address space anew
  static constexpr uint64_t MOST_AGE = AGE << 12;
  // What a miss costs, in instructions that a window saves; how many misses are good while an address space settles,
  // and how many it can save up. Beyond them it loses its window.
  static constexpr int64_t COST_OF_MISS = 30'000;
  static constexpr int64_t CREDIT = 1'500 * COST_OF_MISS;
  // A check that finds more pages changed ends the window: the process has forked, or is another one.
  static constexpr uint32_t MOST_LOST = 64;
  // Mappings of this whole process, all machines together: hosts allow 65,530.
  static constexpr uint32_t MOST_MAPPINGS = 24'000;
  // Pages of this machine's that stand in windows: the host counts each as memory of this process, every time anew.
  // The current window may have more.
  static constexpr size_t MOST_PAGES = 24'000;

  // A guest page table that mappings come from, as it was.
  struct Table {
    uint32_t physical;
    std::unique_ptr<std::array<uint8_t, PAGE_SIZE>> copy;
  };
  struct Window {
    uint8_t* base = nullptr;
    uint32_t* pages = nullptr;                               // by linear page: 0, or the physical page and bits
    std::vector<uint32_t> mapped;                            // linear pages, each once
    std::unordered_multimap<uint32_t, uint32_t> for_stores;  // physical page to linear page
    std::vector<Table> tables;
    uint32_t mappings = 0;  // calls to mmap
    bool used = false;
    bool walk_again = false;  // a copy is older than a mapping made from its table
  };
  static constexpr uint32_t PAGE_MAPPED = 1, PAGE_STORES = 2;  // with the physical page above bit 12
  // An address space at one privilege, and what else says how its tables are read.
  struct Key {
    uint32_t cr3, set, cr0, cr4, efer;
    bool operator==(const Key&) const = default;
  };
  struct Space {
    Key key{};
    bool known = false;
    uint64_t ran = 0;  // instructions, since it came or lost its window
    uint64_t age = 0;  // when it gets one
    int64_t credit = 0;
    uint64_t used_at = 0;
    uint32_t epoch = 0;
    std::array<uint64_t, 4> pdpte{};
    Window* window = nullptr;
  };
  struct Page {
    uint32_t physical = 0;
    bool stores = false;
    uint32_t tables[2] = {};
    uint32_t table_count = 0;
  };

  static uint64_t address(const uint8_t* at) { return reinterpret_cast<uint64_t>(at); }
  Key key() const;
  Space& space_of(const Key& key);
  bool open(Space& space);
  void close(Space& space);
  void lose(Space& space);
  void check(Space& space);
  bool tables_are_the_same(const Space& space) const;
  Answer look_up(uint32_t linear, bool store, Page& page) const;
  bool holds(const Window& window, uint32_t number, Page& page) const;
  void map_wanted(uint32_t linear, bool store);
  bool enter(Space& space, uint32_t first_page, uint32_t count, const Page& first);
  bool make_room(const Space& space);
  Space* longest_unused(const Space& but);  // of those that have a window; or nullptr
  size_t pages_mapped() const;
  bool unmap(Window& window, uint32_t page);
  static Table* find_table(Window& window, uint32_t physical);
  void look_for_changes(Window& window, const Page& page) const;
  void remember_tables(Window& window, const Page& page) const;
  const uint8_t* table_at(uint32_t physical) const;

  Interpreter& cpu_;
  const WindowPolicy policy_;
  Window windows_[MOST_WINDOWS];
  Space spaces_[MOST_SPACES];
  Space* current_ = nullptr;
  uint8_t* base_ = nullptr;
  uint64_t since_ = 0;
  uint32_t epoch_ = 1;
  uint32_t wanted_page_ = NO_PAGE;
  uint8_t wanted_set_ = 0;
  WindowCounters counters_;
};

}  // namespace bancada
