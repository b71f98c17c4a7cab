// A reader under libFuzzer (tools/fuzz.sh): TEMPER_FUZZ_READER names it. An input fails when it
// ends in anything but an Error about the file, or when reading takes more memory than the reader
// may.
#include <sanitizer/allocator_interface.h>
#include <sanitizer/common_interface_defs.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/fuzz/readers.h"

namespace temper::test {
namespace {

// Of the thread that reads: libFuzzer has others.
thread_local bool counting = false;
std::int64_t live = 0;
std::int64_t peak = 0;
std::size_t largest = 0;
bool tracing = false;  // tells where the largest block is made

void count_block(const volatile void* block, std::size_t bytes) {
  if (counting && block != nullptr) {
    live += static_cast<std::int64_t>(bytes);
    peak = std::max(peak, live);
    if (bytes >= largest && tracing) {
      __sanitizer_print_stack_trace();
      tracing = false;
    }
    largest = std::max(largest, bytes);
  }
}

void uncount_block(const volatile void* block) {
  if (counting && block != nullptr) {
    live -=
        static_cast<std::int64_t>(__sanitizer_get_allocated_size(const_cast<const void*>(block)));
  }
}

const FuzzedReader* named_reader() {
  const char* wanted = std::getenv("TEMPER_FUZZ_READER");
  for (const FuzzedReader& reader : TEMPER_FUZZ_READERS()) {
    if (wanted != nullptr && reader.name == wanted) {
      return &reader;
    }
  }
  return nullptr;
}

std::string scratch_folder() {
  std::string folder = "/dev/shm/temper-fuzz-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    std::perror("mkdtemp");
    std::exit(2);
  }
  static std::string made = folder;
  std::atexit([] { std::filesystem::remove_all(made); });
  return folder;
}

bool read_counted(const FuzzedReader& reader, const FuzzInput& input, std::string& problem) {
  live = peak = 0;
  counting = true;
  const bool sound = reads_soundly(reader, input, problem);
  counting = false;
  return sound;
}

void check(const FuzzedReader& reader, const FuzzInput& input) {
  std::string problem;
  largest = 0;
  const bool sound = read_counted(reader, input, problem);
  if (!sound) {
    std::fprintf(stderr, "%s\n", problem.c_str());
    std::abort();
  }
  const std::uint64_t most = reader.memory_of(input.bytes().size());
  if (static_cast<std::uint64_t>(peak) > most) {
    std::fprintf(stderr, "reading %zu bytes took %lld of memory; the most is %llu\n",
                 input.bytes().size(), static_cast<long long>(peak),
                 static_cast<unsigned long long>(most));
    tracing = true;
    read_counted(reader, input, problem);
    std::abort();
  }
}

}  // namespace
}  // namespace temper::test

// Without a name the names are listed.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  using namespace temper::test;
  if (named_reader() == nullptr) {
    for (const FuzzedReader& reader : TEMPER_FUZZ_READERS()) {
      std::printf("%s\n", std::string(reader.name).c_str());
    }
    std::exit(std::getenv("TEMPER_FUZZ_READER") == nullptr ? 0 : 2);
  }
  if (__sanitizer_install_malloc_and_free_hooks(count_block, uncount_block) == 0) {
    std::fprintf(stderr, "the sanitizer takes no more hooks\n");
    std::exit(2);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace temper::test;
  static const FuzzedReader& reader = *named_reader();
  static const std::string folder = scratch_folder();
  check(reader, FuzzInput(std::as_bytes(std::span(data, size)), folder));
  return 0;
}
