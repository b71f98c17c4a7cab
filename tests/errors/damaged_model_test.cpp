// Cut and bit-flipped files of a real export: an error that a file may cause, or a valid load.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "runtime/base/error.h"
#include "tests/errors/bad_input.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;

class DamagedModel : public BadInput {
 protected:
  DamagedModel() : whole_(file_text(digits("digits.onnx"))), reference_(make_backend("reference")) {
    fs::copy_file(digits("digits.onnx.data"), at("digits.onnx.data"));
  }

  // Imports the bytes and infers every shape; true when they were taken.
  bool takes(const std::string& bytes) const {
    write("damaged.onnx", bytes);
    bool taken = false;
    try {
      graph::Graph graph =
          graph::OnnxModel::load(at("damaged.onnx")).build_graph(graph::standard_ops());
      std::map<std::string, std::int64_t> symbols;
      for (const graph::ValueId id : graph.inputs) {
        for (const graph::Dim& dim : graph.value(id).dims) {
          if (!dim.symbol.empty()) {
            symbols[dim.symbol] = 2;
          }
        }
      }
      graph::bind_shapes(graph, symbols, 2, *reference_);
      taken = true;
    } catch (const Error& error) {
      const bool by_file =
          error.code() == ErrorCode::kInvalidModel || error.code() == ErrorCode::kUnsupported;
      EXPECT_TRUE(by_file) << error.what();
    }
    return taken;
  }

  const std::string whole_;
  const std::unique_ptr<Backend> reference_;
};

TEST_F(DamagedModel, TheWholeFileIsTaken) { EXPECT_TRUE(takes(whole_)); }

TEST_F(DamagedModel, CutAtEvery97thByteItIsRefused) {
  ASSERT_GT(whole_.size(), 10'000u);
  int taken = 0;
  for (std::size_t size = 0; size < whole_.size(); size += 97) {
    SCOPED_TRACE(size);
    taken += takes(whole_.substr(0, size)) ? 1 : 0;
  }
  EXPECT_LE(taken, 2);  // a cut between the last fields leaves a valid file
}

TEST_F(DamagedModel, WithAFlippedBitItIsRefusedOrTaken) {
  int taken = 0;
  int refused = 0;
  for (std::size_t byte = 0; byte < whole_.size(); byte += 97) {
    for (int bit = 0; bit < 8; ++bit) {
      SCOPED_TRACE(testing::Message() << "bit " << bit << " of byte " << byte);
      std::string flipped = whole_;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      ++(takes(flipped) ? taken : refused);
    }
  }
  EXPECT_GT(taken, 0);    // in a weight or a text for people
  EXPECT_GT(refused, 0);  // in a length, a tag, a name
}

TEST_F(DamagedModel, TheCommandRefusesACutFileAndNamesIt) {
  for (const std::size_t part : {1, 2, 3}) {
    write("damaged.onnx", whole_.substr(0, whole_.size() * part / 4));
    expect_refused({"train", "damaged.onnx", digits("digits.npz"), "train.epochs=1"}, 3,
                   {"damaged.onnx"});
  }
}

TEST_F(DamagedModel, TheCommandEndsWithAnErrorOfItsOwnWhicheverBitFlips) {
  const std::string small = linear_model().bytes();
  for (std::size_t bit = 0; bit < 8 * small.size(); bit += 53) {
    SCOPED_TRACE(testing::Message() << "bit " << bit % 8 << " of byte " << bit / 8);
    std::string flipped = small;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    write("damaged.onnx", flipped);
    const CommandResult result =
        temper({"predict", "damaged.onnx", "--data", "good.npz", "--out", "p.npz"});
    EXPECT_TRUE(result.exit_code == 0 || result.exit_code == 3 || result.exit_code == 8)
        << result.exit_code << " " << result.err;
    EXPECT_EQ(fs::exists(at("p.npz")), result.exit_code == 0);
    fs::remove(at("p.npz"));
  }
}

}  // namespace
}  // namespace temper::test
