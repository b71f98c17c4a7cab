// Expects a temper::Error with a code and a piece of its text.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "runtime/base/error.h"

namespace temper::test {

template <class F>
void expect_error(ErrorCode code, const std::string& part, F&& run) {
  try {
    run();
    FAIL() << "no error; expected one with '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
        << "expected '" << part << "' in: " << error.what();
  }
}

}  // namespace temper::test
