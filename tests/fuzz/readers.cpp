#include "tests/fuzz/readers.h"

#include <exception>
#include <fstream>

#include "runtime/base/error.h"

namespace temper::test {

std::string FuzzInput::file(std::string_view name) const {
  put_beside(name, text());
  return concat(folder_, "/", name);
}

void FuzzInput::put_beside(std::string_view name, std::string_view content) const {
  std::ofstream(concat(folder_, "/", name), std::ios::binary) << content;
}

bool reads_soundly(const FuzzedReader& reader, const FuzzInput& input, std::string& problem) {
  try {
    reader.read(input);
    return true;
  } catch (const Error& error) {
    // An index may name a file that is not there.
    const bool is_of_files =
        error.code() == ErrorCode::kInvalidModel || error.code() == ErrorCode::kInvalidData ||
        error.code() == ErrorCode::kUnsupported || error.code() == ErrorCode::kIo;
    problem = concat(to_string(error.code()), ": ", error.what());
    return is_of_files;
  } catch (const std::exception& other) {
    problem = other.what();
    return false;
  }
}

}  // namespace temper::test
