// The page walk with accessed and dirty bits, the control registers that rule it, and TLB flushes (SDM vol. 3, ch. 4).
#include <cstring>

#include "../translator/translator.h"
#include "interpreter.h"

namespace bancada {

namespace {

// Bits of page-directory and page-table entries, SDM tables 4-4 to 4-11.
constexpr uint32_t PTE_P = 1u << 0;
constexpr uint32_t PTE_RW = 1u << 1;
constexpr uint32_t PTE_US = 1u << 2;
constexpr uint32_t PTE_A = 1u << 5;
constexpr uint32_t PTE_D = 1u << 6;
constexpr uint32_t PTE_PS = 1u << 7;   // page-directory entry: a large page
constexpr uint32_t PTE_PAT = 1u << 7;  // page-table entry
constexpr uint32_t PTE_G = 1u << 8;
constexpr uint64_t PAE_ADDRESS = 0x000FFFFFFFFFF000;
constexpr uint64_t PTE_XD = uint64_t{1} << 63;
constexpr uint64_t PDPTE_RESERVED = 0x1E6;

// Error code of #PF, SDM 4.7.
constexpr uint32_t PF_PRESENT = 1;
constexpr uint32_t PF_WRITE = 2;
constexpr uint32_t PF_USER = 4;
constexpr uint32_t PF_RESERVED = 8;
constexpr uint32_t PF_FETCH = 16;  // with the execute-disable bit in use only

constexpr uint32_t CR3_WITH_PAE = 0xFFFFFFF8;  // PWT and PCD are kept too
constexpr uint32_t CR3_WITHOUT_PAE = 0xFFFFF018;

// One walk. Entries are kept so that their accessed and dirty bits can be set afterwards.
struct Walk {
  uint32_t error = 0;  // 0, PF_PRESENT or PF_PRESENT | PF_RESERVED; `mapped` tells
  bool mapped = false;
  bool descended = false;  // the directory entry led to a table
  bool large = false;
  uint64_t pde = 0, pte = 0;
  uint32_t pde_address = 0, pte_address = 0;  // of the low half
  uint32_t physical = 0;
  uint32_t rights = 0;  // PTE_RW and PTE_US of both levels together
  bool global = false;
  bool no_execute = false;  // the execute-disable bit of either level
};

class Walker {
 public:
  Walker(const CpuState& state, const CpuFacts& facts, const PhysicalMemory& memory)
      : state_(state), facts_(facts), memory_(memory) {}

  Walk walk(uint32_t linear) const { return (state_.cr4 & CR4_PAE) ? walk_pae(linear) : walk_plain(linear); }

 private:
  template <typename T>
  T load(uint32_t physical) const {
    physical &= memory_.a20_mask();
    T value;
    if (memory_.flags(physical) & PAGE_READ) {
      std::memcpy(&value, memory_.host_page(physical) + (physical & ~PAGE_MASK), sizeof value);
    } else {
      std::memset(&value, 0xFF, sizeof value);
    }
    return value;
  }

  Walk walk_plain(uint32_t linear) const {
    const bool pse = (state_.cr4 & CR4_PSE) != 0;
    const bool pat = facts_.has(FEATURE_PAT);
    Walk walk;
    walk.pde_address = (state_.cr3 & PAGE_MASK) | ((linear >> 20) & 0xFFC);
    const auto pde = load<uint32_t>(walk.pde_address);
    walk.pde = pde;
    if (!(pde & PTE_P)) return walk;
    if (pse && (pde & PTE_PS)) {
      walk.large = true;
      const uint32_t reserved = (facts_.has(FEATURE_PSE36) ? 0u : 0x003FE000u) | (pat ? 0u : 0x1000u);
      if (pde & reserved) {
        walk.error = PF_PRESENT | PF_RESERVED;
        return walk;
      }
      walk.rights = pde & (PTE_RW | PTE_US);
      walk.physical = (pde & 0xFFC00000) | (linear & 0x003FFFFF);
      walk.global = (pde & PTE_G) != 0;
      walk.mapped = true;
      return walk;
    }
    walk.descended = true;
    walk.pte_address = (pde & PAGE_MASK) | ((linear >> 10) & 0xFFC);
    const auto pte = load<uint32_t>(walk.pte_address);
    walk.pte = pte;
    if (!(pte & PTE_P)) return walk;
    if (pse && !pat && (pte & PTE_PAT)) {
      walk.error = PF_PRESENT | PF_RESERVED;
      return walk;
    }
    walk.rights = pde & pte & (PTE_RW | PTE_US);
    walk.physical = (pte & PAGE_MASK) | (linear & ~PAGE_MASK);
    walk.global = (pte & PTE_G) != 0;
    walk.mapped = true;
    return walk;
  }

  Walk walk_pae(uint32_t linear) const {
    const bool pat = facts_.has(FEATURE_PAT);
    // Until EFER.NXE is set bit 63 is as reserved as the address bits beyond the last.
    const uint64_t execute_disable = (state_.msr.efer & EFER_NXE) ? PTE_XD : 0;
    const uint64_t reserved = ~((uint64_t{1} << facts_.physical_address_bits) - 1) & ~execute_disable;
    Walk walk;
    const uint64_t pdpte = state_.pdpte[linear >> 30];
    if (!(pdpte & PTE_P)) return walk;
    walk.pde_address = static_cast<uint32_t>(pdpte & PAE_ADDRESS) | ((linear >> 18) & 0xFF8);
    walk.pde = load<uint64_t>(walk.pde_address);
    if (!(walk.pde & PTE_P)) return walk;
    if (walk.pde & PTE_PS) {
      walk.large = true;
      if (walk.pde & (reserved | 0x001FE000 | (pat ? 0 : 0x1000))) {
        walk.error = PF_PRESENT | PF_RESERVED;
        return walk;
      }
      walk.rights = static_cast<uint32_t>(walk.pde) & (PTE_RW | PTE_US);
      walk.no_execute = (walk.pde & execute_disable) != 0;
      walk.physical = (static_cast<uint32_t>(walk.pde) & 0xFFE00000) | (linear & 0x001FFFFF);
      walk.global = (walk.pde & PTE_G) != 0;
      walk.mapped = true;
      return walk;
    }
    if (walk.pde & reserved) {
      walk.error = PF_PRESENT | PF_RESERVED;
      return walk;
    }
    walk.descended = true;
    walk.pte_address = static_cast<uint32_t>(walk.pde & PAE_ADDRESS) | ((linear >> 9) & 0xFF8);
    walk.pte = load<uint64_t>(walk.pte_address);
    if (!(walk.pte & PTE_P)) return walk;
    if (walk.pte & (reserved | (pat ? 0 : PTE_PAT))) {
      walk.error = PF_PRESENT | PF_RESERVED;
      return walk;
    }
    walk.rights = static_cast<uint32_t>(walk.pde & walk.pte) & (PTE_RW | PTE_US);
    walk.no_execute = ((walk.pde | walk.pte) & execute_disable) != 0;
    walk.physical = static_cast<uint32_t>(walk.pte & PAE_ADDRESS) | (linear & ~PAGE_MASK);
    walk.global = (walk.pte & PTE_G) != 0;
    walk.mapped = true;
    return walk;
  }

  const CpuState& state_;
  const CpuFacts& facts_;
  const PhysicalMemory& memory_;
};

// Accessed and dirty bits lie in the low half of an entry of either size.
void set_entry_bits(PhysicalMemory& memory, uint32_t address, uint64_t entry, uint32_t bits) {
  if ((entry & bits) == bits) return;
  const uint32_t value = static_cast<uint32_t>(entry) | bits;
  memory.write(address & memory.a20_mask(), &value, sizeof value);
}

// PDPTEs as a load of CR3 takes them; false when one has a reserved bit (SDM 4.4.1).
bool read_pdptes(const PhysicalMemory& memory, uint32_t cr3, const CpuFacts& facts, std::array<uint64_t, 4>& to) {
  std::array<uint64_t, 4> entries;
  memory.read(cr3 & 0xFFFFFFE0 & memory.a20_mask(), entries.data(), sizeof entries);
  const uint64_t reserved = PDPTE_RESERVED | ~((uint64_t{1} << facts.physical_address_bits) - 1);
  for (const uint64_t entry : entries) {
    if ((entry & PTE_P) && (entry & reserved)) return false;
  }
  to = entries;
  return true;
}

}  // namespace

uint32_t Interpreter::translate(uint32_t linear, Access access, bool user) {
  translated_global_ = false;
  if (!(state_.cr0 & CR0_PG)) return linear & memory_.a20_mask();
  const Walk walk = Walker(state_, cpu_facts(model_), memory_).walk(linear);
  // An entry that led to the next level was accessed, whatever is found there.
  if (walk.descended) set_entry_bits(memory_, walk.pde_address, walk.pde, PTE_A);
  const bool write = access == Access::write;
  const bool tells_fetch = access == Access::fetch && (state_.cr4 & CR4_PAE) && (state_.msr.efer & EFER_NXE);
  const uint32_t cause = (write ? PF_WRITE : 0) | (user ? PF_USER : 0) | (tells_fetch ? PF_FETCH : 0);
  if (!walk.mapped) page_fault(linear, walk.error | cause);
  const bool checks_write = user || (state_.cr0 & CR0_WP);
  if ((user && !(walk.rights & PTE_US)) || (write && checks_write && !(walk.rights & PTE_RW)) ||
      (access == Access::fetch && walk.no_execute)) {
    page_fault(linear, PF_PRESENT | cause);
  }
  const uint32_t bits = PTE_A | (write ? PTE_D : 0);
  if (walk.large) {
    set_entry_bits(memory_, walk.pde_address, walk.pde, bits);
    large_page_regions_[linear >> 22] = true;
  } else {
    set_entry_bits(memory_, walk.pte_address, walk.pte, bits);
  }
  translated_global_ = walk.global && (state_.cr4 & CR4_PGE);
  return walk.physical & memory_.a20_mask();
}

bool Interpreter::probe(uint32_t linear, uint32_t& physical) const {
  if (!(state_.cr0 & CR0_PG)) {
    physical = linear & memory_.a20_mask();
    return true;
  }
  const Walk walk = Walker(state_, cpu_facts(model_), memory_).walk(linear);
  physical = walk.physical & memory_.a20_mask();
  return walk.mapped;
}

bool Interpreter::page_facts(uint32_t linear, PageFacts& facts) const {
  if (!(state_.cr0 & CR0_PG)) {
    facts = {linear & memory_.a20_mask(), true, true, true, true, {}, 0};
    return true;
  }
  const Walk walk = Walker(state_, cpu_facts(model_), memory_).walk(linear);
  if (!walk.mapped) return false;
  const uint64_t last = walk.large ? walk.pde : walk.pte;
  facts.physical = walk.physical & memory_.a20_mask();
  facts.user = (walk.rights & PTE_US) != 0;
  facts.writable = (walk.rights & PTE_RW) != 0;
  facts.accessed = (walk.pde & last & PTE_A) != 0;
  facts.dirty = (last & PTE_D) != 0;
  facts.tables[0] = walk.pde_address & PAGE_MASK;
  facts.tables[1] = walk.descended ? walk.pte_address & PAGE_MASK : 0;
  facts.table_count = walk.descended ? 2 : 1;
  return true;
}

void Interpreter::flush_tlb(bool keep_global) {
  flush_data_mappings(keep_global);
  code_mappings_changed();
}

void Interpreter::flush_data_mappings(bool keep_global) {
  if (translator_) {
    translator_->pages().flush(keep_global);
    translator_->windows().tables_may_have_changed();
  }
  for_each_filled([keep_global](TlbEntry& entry) {
    if (!keep_global || !(entry.kind & TLB_GLOBAL)) entry.tag = TLB_INVALID;
  });
  if (!keep_global) large_page_regions_.reset();
}

void Interpreter::forget_address_spaces() {
  for (CodeMap& map : code_maps_) map.generation = 0;
}

void Interpreter::leave_address_space() {
  CodeMap* map = code_maps_;
  for (CodeMap& other : code_maps_) {
    if (other.cr3 == state_.cr3 && other.generation != 0) {
      map = &other;
      break;
    }
    if (other.left_at < map->left_at) map = &other;
  }
  for (const FetchedPage& page : fetched_pages_) fetched_[page.linear >> 12] = false;
  map->cr3 = state_.cr3;
  map->generation = mapping_generation_;
  map->left_at = retired_base_ + 1;
  map->pages.swap(fetched_pages_);
  fetched_pages_.clear();
}

// The processor is entitled to remember nothing: what has changed, or what a walk would mark as accessed, is new.
bool Interpreter::return_to_address_space() {
  for (CodeMap& map : code_maps_) {
    if (map.cr3 != state_.cr3 || map.generation == 0) continue;
    const Walker walker(state_, cpu_facts(model_), memory_);
    for (const FetchedPage& page : map.pages) {
      const Walk walk = walker.walk(page.linear);
      const bool accessed = (walk.large || (walk.pte & PTE_A)) && (walk.pde & PTE_A);
      if (!walk.mapped || !accessed || walk.no_execute || (page.user && !(walk.rights & PTE_US)) ||
          (walk.physical & memory_.a20_mask() & PAGE_MASK) != page.physical) {
        map.generation = 0;
        return false;
      }
    }
    mapping_generation_ = map.generation;
    map.generation = 0;
    fetched_pages_.swap(map.pages);
    for (const FetchedPage& page : fetched_pages_) fetched_[page.linear >> 12] = true;
    segments_changed();
    return true;
  }
  return false;
}

void Interpreter::flush_tlb_page(uint32_t linear) {
  // INVLPG on a large page drops all of it (SDM 4.10.4.1), and entries here are of 4 KiB.
  const bool region = large_page_regions_[linear >> 22];
  const uint32_t first = region ? linear & 0xFFC00000 : linear & PAGE_MASK;
  const uint32_t pages = region ? TLB_ENTRIES : 1;
  for (uint32_t i = 0; translator_ && i < pages; ++i) translator_->pages().flush_page(first + i * PAGE_SIZE);
  for (uint32_t set = 0; set < TLB_SETS; ++set) {
    for (uint32_t i = 0; i < pages; ++i) {
      const uint32_t page = first + i * PAGE_SIZE;
      const uint32_t index = (page >> 12) % TLB_ENTRIES;
      for (TlbEntry* entry : {&tlb_read_[set][index], &tlb_write_[set][index]}) {
        if (entry->tag != TLB_INVALID && ((entry->tag ^ page) & PAGE_MASK) == 0) entry->tag = TLB_INVALID;
      }
    }
  }
  for (uint32_t i = 0; translator_ && i < pages; ++i) translator_->windows().flush_page(first + i * PAGE_SIZE);
  bool had_code = false;
  for (uint32_t i = 0; i < pages && !had_code; ++i) had_code = fetched_[(first >> 12) + i];
  if (had_code) code_mappings_changed();
}

void Interpreter::load_cr0(uint32_t value) {
  const CpuFacts& facts = cpu_facts(model_);
  value = (value & facts.cr0_mask) | CR0_ET;
  if ((value & (CR0_PG | CR0_PE)) == CR0_PG || (value & (CR0_NW | CR0_CD)) == CR0_NW) fault(VECTOR_GP, 0);
  const uint32_t changed = state_.cr0 ^ value;
  if ((changed & value & CR0_PG) && (state_.cr4 & CR4_PAE) && !read_pdptes(memory_, state_.cr3, facts, state_.pdpte)) {
    fault(VECTOR_GP, 0);
  }
  state_.cr0 = value;
  // PE alone changes with paging off only, where linear addresses are physical ones in every mode.
  if (changed & (CR0_PG | CR0_WP)) flush_tlb(false);
  if (changed & (CR0_PE | CR0_AM | CR0_PG)) segments_changed();
}

void Interpreter::load_cr3(uint32_t value) {
  const bool pae = (state_.cr4 & CR4_PAE) != 0;
  if (pae && (state_.cr0 & CR0_PG) && !read_pdptes(memory_, value, cpu_facts(model_), state_.pdpte))
    fault(VECTOR_GP, 0);
  if (!(state_.cr0 & CR0_PG)) {
    state_.cr3 = value & (pae ? CR3_WITH_PAE : CR3_WITHOUT_PAE);
    flush_tlb((state_.cr4 & CR4_PGE) != 0);
    return;
  }
  leave_address_space();
  state_.cr3 = value & (pae ? CR3_WITH_PAE : CR3_WITHOUT_PAE);
  flush_data_mappings((state_.cr4 & CR4_PGE) != 0);
  if (!return_to_address_space()) code_mappings_changed();
}

void Interpreter::load_cr4(uint32_t value) {
  const CpuFacts& facts = cpu_facts(model_);
  if (value & ~facts.cr4_mask) fault(VECTOR_GP, 0);
  const uint32_t changed = state_.cr4 ^ value;
  if ((changed & value & CR4_PAE) && (state_.cr0 & CR0_PG) && !read_pdptes(memory_, state_.cr3, facts, state_.pdpte)) {
    fault(VECTOR_GP, 0);
  }
  state_.cr4 = value;
  if (changed & (CR4_PAE | CR4_PSE | CR4_PGE)) flush_tlb(false);
}

}  // namespace bancada
