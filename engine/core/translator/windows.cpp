#include "windows.h"

#include <sys/auxv.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "../interpreter/interpreter.h"

namespace bancada {

namespace {

constexpr size_t PAGE_NUMBERS = size_t{1} << 20;

std::atomic<uint32_t> mappings_of_process{0};

}  // namespace

bool Windows::is_supported() {
#if defined(__x86_64__) && defined(__linux__) && !defined(BANCADA_SANITIZE)
  constexpr unsigned long FSGSBASE = 2;  // AT_HWCAP2
  return (getauxval(AT_HWCAP2) & FSGSBASE) != 0;
#else
  return false;
#endif
}

Windows::Windows(Interpreter& cpu, WindowPolicy policy)
    : cpu_(cpu), policy_(is_supported() ? policy : WindowPolicy::never) {}

Windows::~Windows() {
  for (Window& window : windows_) {
    mappings_of_process -= window.mappings;
    if (window.base != nullptr) munmap(window.base, BYTES + GUARD);
    if (window.pages != nullptr) munmap(window.pages, PAGE_NUMBERS * sizeof(uint32_t));
  }
}

// -- Which window ----------------------------------------------------------------------------------------------------

uint8_t* Windows::select() {
  if (policy_ == WindowPolicy::never) return nullptr;
  const uint64_t now = cpu_.retired_base_;
  if (current_ != nullptr && now > since_) {
    current_->ran += now - since_;
    current_->credit = std::min(current_->credit + static_cast<int64_t>(now - since_), CREDIT);
  }
  since_ = now;
  current_ = nullptr;
  base_ = nullptr;
  if (cpu_.tlb_set_ > 1 || cpu_.data_breakpoints_ != 0 || !cpu_.memory().a20_enabled()) return nullptr;
  const Key here = key();

  Space& space = space_of(here);
  space.used_at = now + 1;
  current_ = &space;
  if (space.window == nullptr && (space.ran < space.age || !open(space))) return nullptr;
  if (space.epoch != epoch_) check(space);
  if (space.window != nullptr && space.credit < 0 && policy_ != WindowPolicy::always) lose(space);
  if (space.window == nullptr) return nullptr;
  return base_ = space.window->base;
}

Windows::Key Windows::key() const {
  const CpuState& state = cpu_.state_;
  if (!(state.cr0 & CR0_PG)) return {};
  const uint32_t set = cpu_.tlb_set_;
  return {state.cr3, set, state.cr0 & (set == 0 ? CR0_PG | CR0_WP : CR0_PG), state.cr4 & (CR4_PAE | CR4_PSE),
          static_cast<uint32_t>(state.msr.efer & EFER_NXE)};
}

Windows::Space& Windows::space_of(const Key& key) {
  Space* oldest = spaces_;
  for (Space& space : spaces_) {
    if (space.known && space.key == key) return space;
    if (!space.known || (oldest->known && space.used_at < oldest->used_at)) oldest = &space;
  }
  if (oldest->window != nullptr) close(*oldest);
  *oldest = Space{};
  oldest->key = key;
  oldest->known = true;
  oldest->age = policy_ == WindowPolicy::always ? 0 : key.cr0 && key.set == 0 ? AGE_OF_KERNEL : AGE;
  return *oldest;
}

bool Windows::open(Space& space) {
  Window* free = nullptr;
  for (Window& window : windows_) {
    if (!window.used) free = &window;
  }
  if (free == nullptr) {
    Space& oldest = *longest_unused(space);
    free = oldest.window;
    close(oldest);
  }
  constexpr int PLAIN = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  if (free->base == nullptr) {
    void* const base = mmap(nullptr, BYTES + GUARD, PROT_NONE, PLAIN, -1, 0);
    void* const pages = mmap(nullptr, PAGE_NUMBERS * sizeof(uint32_t), PROT_READ | PROT_WRITE, PLAIN, -1, 0);
    if (base != MAP_FAILED) free->base = static_cast<uint8_t*>(base);
    if (pages != MAP_FAILED) free->pages = static_cast<uint32_t*>(pages);
    if (base == MAP_FAILED || pages == MAP_FAILED) {
      // A host that gives no more addresses; the other road needs none.
      if (free->base != nullptr) munmap(free->base, BYTES + GUARD);
      if (free->pages != nullptr) munmap(free->pages, PAGE_NUMBERS * sizeof(uint32_t));
      free->base = nullptr;
      free->pages = nullptr;
      space.age = UINT64_MAX;
      return false;
    }
  }
  free->used = true;
  space.window = free;
  space.credit = CREDIT;
  space.epoch = epoch_;
  space.pdpte = cpu_.state_.pdpte;
  ++counters_.opened;
  return true;
}

void Windows::close(Space& space) {
  Window& window = *space.window;
  if (!window.mapped.empty()) {
    mmap(window.base, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
  for (const uint32_t page : window.mapped) window.pages[page] = 0;
  counters_.unmapped += window.mapped.size();
  mappings_of_process -= window.mappings;
  window.mapped.clear();
  window.for_stores.clear();
  window.tables.clear();
  window.mappings = 0;
  window.used = window.walk_again = false;
  if (base_ == window.base) base_ = nullptr;
  space.window = nullptr;
  ++counters_.closed;
}

// It did not last: the next one has to wait.
void Windows::lose(Space& space) {
  close(space);
  space.ran = 0;
  space.age = std::min(space.age * 4, MOST_AGE);
}

void Windows::close_all() {
  for (Space& space : spaces_) {
    if (space.window != nullptr) lose(space);
  }
  wanted_page_ = NO_PAGE;
}

bool Windows::covers(uint64_t host) const {
  return std::any_of(std::begin(windows_), std::end(windows_), [host](const Window& window) {
    return window.base != nullptr && host - address(window.base) < BYTES + GUARD;
  });
}

// -- Pages -----------------------------------------------------------------------------------------------------------

Windows::Answer Windows::look_up(uint32_t linear, bool store, Page& page) const {
  PageFacts facts;
  if (!cpu_.page_facts(linear, facts)) return Answer::later;
  const bool user = current_->key.set != 0;
  if (user && !facts.user) return Answer::later;
  // Kernels touch the memory of programs in a few places, and it is mapped anew all the time.
  if (!user && facts.user && current_->key.cr0 && policy_ != WindowPolicy::always) return Answer::unfit;
  const bool may_store = facts.writable || (!user && !(cpu_.state_.cr0 & CR0_WP));
  if (!facts.accessed || (store && !(may_store && facts.dirty))) return Answer::later;
  const uint8_t flags = cpu_.memory().flags(facts.physical);
  const uint8_t wanted = static_cast<uint8_t>(PAGE_READ | (store ? PAGE_WRITE : 0));
  const uint8_t unwanted = static_cast<uint8_t>(PAGE_TRACK_DIRTY | PAGE_DEVICE | (store ? PAGE_HAS_CODE : 0));
  if ((flags & wanted) != wanted || (flags & unwanted)) return Answer::unfit;
  page.physical = facts.physical & PAGE_MASK;
  page.stores = may_store && facts.dirty && (flags & PAGE_WRITE) && !(flags & PAGE_HAS_CODE);
  page.tables[0] = facts.tables[0];
  page.tables[1] = facts.tables[1];
  page.table_count = facts.table_count;
  return Answer::mapped;
}

// Whether a page that is mapped would be mapped in the same way now.
bool Windows::holds(const Window& window, uint32_t number, Page& page) const {
  const uint32_t mapped = window.pages[number];
  return look_up(number << 12, mapped & PAGE_STORES, page) == Answer::mapped && page.physical == (mapped & PAGE_MASK);
}

Windows::Answer Windows::map(uint64_t host, bool store) {
  ++counters_.faults;
  if (current_ != nullptr) current_->credit -= COST_OF_MISS;
  if (current_ == nullptr || current_->window == nullptr || base_ != current_->window->base) return Answer::unfit;
  if (host - address(base_) >= BYTES) return Answer::unfit;
  Window& window = *current_->window;
  const auto number = static_cast<uint32_t>((host - address(base_)) >> 12);
  const uint32_t enough = PAGE_MAPPED | (store ? PAGE_STORES : 0);
  if ((window.pages[number] & enough) == enough) return Answer::unfit;  // it was no matter of a mapping
  Page page;
  const Answer answer = look_up(number << 12, store, page);
  if (answer != Answer::mapped) {
    wanted_page_ = answer == Answer::later ? number : NO_PAGE;
    wanted_set_ = cpu_.tlb_set_;
    return answer;
  }
  // What follows it in linear memory and in the memfd comes along, and what goes before.
  PhysicalMemory& memory = cpu_.memory();
  const uint8_t* const there = memory.host_page(page.physical);
  const auto fits = [&](int32_t distance) {
    const uint32_t other = number + static_cast<uint32_t>(distance);
    if (other >= PAGE_NUMBERS || window.pages[other] != 0) return false;
    Page neighbour;
    if (look_up(other << 12, false, neighbour) != Answer::mapped) return false;
    return memory.host_page(neighbour.physical) == there + distance * static_cast<int32_t>(PAGE_SIZE) &&
           neighbour.physical == page.physical + static_cast<uint32_t>(distance) * PAGE_SIZE &&
           neighbour.stores == page.stores && neighbour.tables[0] == page.tables[0] &&
           neighbour.tables[1] == page.tables[1];
  };
  uint32_t before = 0, after = 0;
  while (after + 1 < LONGEST_RUN && fits(static_cast<int32_t>(after) + 1)) ++after;
  while (before + after + 1 < LONGEST_RUN && fits(-static_cast<int32_t>(before) - 1)) ++before;
  page.physical -= before * PAGE_SIZE;
  return enter(*current_, number - before, before + after + 1, page) ? Answer::mapped : Answer::unfit;
}

void Windows::map_wanted(uint32_t linear, bool store) {
  wanted_page_ = NO_PAGE;
  if (current_ == nullptr || base_ == nullptr || current_->key != key() || current_->epoch != epoch_) return;
  map(address(base_) + linear, store);
}

size_t Windows::pages_mapped() const {
  size_t count = 0;
  for (const Window& window : windows_) count += window.mapped.size();
  return count;
}

Windows::Space* Windows::longest_unused(const Space& but) {
  Space* oldest = nullptr;
  for (Space& other : spaces_) {
    if (other.window == nullptr || &other == &but) continue;
    if (oldest == nullptr || other.used_at < oldest->used_at) oldest = &other;
  }
  return oldest;
}

// For one more mapping: windows of others go, those unused for longest first. False: there is none to be had.
bool Windows::make_room(const Space& space) {
  while (mappings_of_process.load() >= MOST_MAPPINGS || pages_mapped() >= MOST_PAGES) {
    Space* const oldest = longest_unused(space);
    if (oldest == nullptr) return mappings_of_process.load() < MOST_MAPPINGS;
    close(*oldest);
  }
  return true;
}

bool Windows::enter(Space& space, uint32_t first_page, uint32_t count, const Page& first) {
  Window& window = *space.window;
  if (!make_room(space)) return false;
  PhysicalMemory& memory = cpu_.memory();
  const auto offset = memory.host_page(first.physical) - memory.backing();
  const int protection = PROT_READ | (first.stores ? PROT_WRITE : 0);
  if (mmap(window.base + (uint64_t{first_page} << 12), uint64_t{count} << 12, protection,
           MAP_SHARED | MAP_FIXED | MAP_POPULATE, memory.fd(), offset) == MAP_FAILED) {
    return false;
  }
  ++window.mappings;
  ++mappings_of_process;
  counters_.mapped += count;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t page = first_page + i, physical = first.physical + i * PAGE_SIZE;
    if (window.pages[page] == 0) window.mapped.push_back(page);
    if (first.stores && !(window.pages[page] & PAGE_STORES)) window.for_stores.emplace(physical >> 12, page);
    window.pages[page] = physical | PAGE_MAPPED | (first.stores ? PAGE_STORES : 0);
  }
  look_for_changes(window, first);
  remember_tables(window, first);
  return true;
}

// False: the host has no more mappings to give. The caller gives the window up.
bool Windows::unmap(Window& window, uint32_t page) {
  if (mmap(window.base + (uint64_t{page} << 12), PAGE_SIZE, PROT_NONE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
    return false;
  }
  const auto [begin, end] = window.for_stores.equal_range(window.pages[page] >> 12);
  const auto entry = std::find_if(begin, end, [page](const auto& one) { return one.second == page; });
  if (entry != end) window.for_stores.erase(entry);
  window.pages[page] = 0;
  ++counters_.unmapped;
  return true;
}

void Windows::forget_stores_to(uint32_t physical) {
  for (Space& space : spaces_) {
    if (space.window == nullptr) continue;
    Window& window = *space.window;
    bool failed = false;
    const auto [begin, end] = window.for_stores.equal_range(physical >> 12);
    for (auto at = begin; at != end; ++at) {
      uint32_t& page = window.pages[at->second];
      if (!(page & PAGE_STORES) || page >> 12 != physical >> 12) continue;
      failed |= mprotect(window.base + (uint64_t{at->second} << 12), PAGE_SIZE, PROT_READ) != 0;
      page &= ~PAGE_STORES;
    }
    window.for_stores.erase(begin, end);
    if (failed) lose(space);
  }
}

// -- The guest's tables ----------------------------------------------------------------------------------------------

const uint8_t* Windows::table_at(uint32_t physical) const {
  PhysicalMemory& memory = cpu_.memory();
  return memory.flags(physical) & PAGE_READ ? memory.host_page(physical) : nullptr;
}

Windows::Table* Windows::find_table(Window& window, uint32_t physical) {
  const auto known = std::find_if(window.tables.rbegin(), window.tables.rend(),
                                  [physical](const Table& table) { return table.physical == physical; });
  return known == window.tables.rend() ? nullptr : &*known;
}

// Before a mapping is made from tables whose copies are older.
void Windows::look_for_changes(Window& window, const Page& page) const {
  for (uint32_t i = 0; i < page.table_count; ++i) {
    const Table* const known = find_table(window, page.tables[i]);
    const uint8_t* const now = table_at(page.tables[i]);
    if (known != nullptr && now != nullptr) {
      window.walk_again |= std::memcmp(now, known->copy->data(), PAGE_SIZE) != 0;
    }
  }
}

void Windows::remember_tables(Window& window, const Page& page) const {
  for (uint32_t i = 0; i < page.table_count; ++i) {
    const uint8_t* const now = table_at(page.tables[i]);
    if (now == nullptr || find_table(window, page.tables[i]) != nullptr) continue;
    window.tables.push_back({page.tables[i], std::make_unique<std::array<uint8_t, PAGE_SIZE>>()});
    std::memcpy(window.tables.back().copy->data(), now, PAGE_SIZE);
  }
}

bool Windows::tables_are_the_same(const Space& space) const {
  if (!space.key.cr0) return true;
  if (space.window->walk_again || ((space.key.cr4 & CR4_PAE) && space.pdpte != cpu_.state_.pdpte)) return false;
  return std::all_of(space.window->tables.begin(), space.window->tables.end(), [this](const Table& table) {
    const uint8_t* const now = table_at(table.physical);
    return now != nullptr && std::memcmp(now, table.copy->data(), PAGE_SIZE) == 0;
  });
}

// After a flush: what is mapped otherwise by now is unmapped.
void Windows::check(Space& space) {
  ++counters_.checks;
  space.epoch = epoch_;
  if (tables_are_the_same(space)) return;
  Window& window = *space.window;
  window.tables.clear();
  window.walk_again = false;
  space.pdpte = cpu_.state_.pdpte;
  std::vector<uint32_t> lost;
  for (const uint32_t number : window.mapped) {
    Page now;
    if (holds(window, number, now)) {
      remember_tables(window, now);
      continue;
    }
    lost.push_back(number);
    if (lost.size() > MOST_LOST) {
      lose(space);
      return;
    }
  }
  for (const uint32_t number : lost) {
    if (unmap(window, number)) continue;
    lose(space);
    return;
  }
  if (!lost.empty()) std::erase_if(window.mapped, [&](uint32_t number) { return window.pages[number] == 0; });
}

void Windows::flush_page(uint32_t linear) {
  const uint32_t number = linear >> 12;
  for (Space& space : spaces_) {
    if (space.window == nullptr || space.window->pages[number] == 0) continue;
    // Windows of other address spaces are checked when these come back.
    if (!space.key.cr0 || space.key.cr3 != cpu_.state_.cr3) continue;
    Window& window = *space.window;
    Space* const before = std::exchange(current_, &space);
    Page now;
    const bool stays = holds(window, number, now);
    current_ = before;
    if (stays) continue;
    if (unmap(window, number))
      std::erase(window.mapped, number);
    else
      lose(space);
  }
}

}  // namespace bancada
