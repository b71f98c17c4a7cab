// Models whose tensors lie where the command may not or cannot read.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/errors/bad_input.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;

class BadExternalData : public BadInput {
 protected:
  BadExternalData() {
    write("secret/w.bin", std::string(48, '\0'));
    fs::create_directories(at("model"));
  }

  // model/m.onnx, whose weight is in `location`.
  void expect_location_refused(const std::string& location, const Words& parts,
                               std::int64_t offset = 0, std::int64_t length = 48) const {
    ModelParts model = linear_model();
    model.initializers[0] = external_tensor("w", {3, 4}, location, offset, length);
    write_model("model/m.onnx", model);
    Words all = {"'w'", "model/m.onnx"};
    all.insert(all.end(), parts.begin(), parts.end());
    expect_model_refused("model/m.onnx", 3, all);
  }
};

TEST_F(BadExternalData, InsideTheFolderIsTaken) {
  fs::copy_file(at("secret/w.bin"), at("model/w.bin"));
  ModelParts model = linear_model();
  model.initializers[0] = external_tensor("w", {3, 4}, "w.bin", 0, 48);
  write_model("model/m.onnx", model);
  const CommandResult result = temper({"train", "model/m.onnx", "good.npz", "train.epochs=1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(BadExternalData, OutsideByItsPathIsRefused) {
  expect_location_refused("../secret/w.bin", {"../secret/w.bin", "model.external_data_root"});
  expect_location_refused(at("secret/w.bin"), {"secret/w.bin", "model.external_data_root"});
}

TEST_F(BadExternalData, OutsideByALinkOfTheFileIsRefused) {
  fs::create_symlink("../secret/w.bin", at("model/link.bin"));
  expect_location_refused("link.bin", {"link.bin", "model.external_data_root"});
}

TEST_F(BadExternalData, OutsideByALinkOfAParentIsRefused) {
  fs::create_symlink("../secret", at("model/weights"));
  expect_location_refused("weights/w.bin", {"weights/w.bin", "model.external_data_root"});
}

TEST_F(BadExternalData, APipeOrAFolderIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(at("model/pipe").c_str(), 0600), 0);  // reading it would wait for ever
  expect_location_refused("pipe", {"pipe", "regular file"});
  fs::create_directories(at("model/sub"));
  expect_location_refused("sub", {"sub", "regular file"});
}

TEST_F(BadExternalData, BeyondTheFileIsRefused) {
  fs::copy_file(at("secret/w.bin"), at("model/w.bin"));
  expect_location_refused("w.bin", {"w.bin", "48"}, 4);
  expect_location_refused("w.bin", {"w.bin"}, std::int64_t{1} << 62);
  expect_location_refused("w.bin", {"44", "48"}, 0, 44);
  expect_location_refused("none.bin", {"none.bin"});
}

}  // namespace
}  // namespace temper::test
