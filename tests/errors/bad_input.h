// What the tests of bad input share: a folder with a small good model and its data, and a check
// that the command refuses an input, says why, and leaves the folder as it was.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/cli/run_command.h"
#include "tests/graph/onnx/wire_writer.h"
#include "training/formats/npz.h"

namespace temper::test {

using Words = std::vector<std::string>;

// y = x w^T + b: 4 features, 3 classes.
ModelParts linear_model();

// c = Conv(x [batch,1,8,8]; w of 2 filters), flattened.
ModelParts conv_model(const std::vector<Message>& attributes, std::int64_t kernel);

// `rows` samples of the given shape, and labels 0, 1, 2, 0, ... of type i64.
std::vector<training::NamedTensor> samples(std::int64_t rows, const Shape& row);

class BadInput : public testing::Test {
 protected:
  BadInput();

  std::string at(const std::string& name) const { return folder_ / name; }
  // Makes the folders on the way.
  void write(const std::string& name, const std::string& bytes) const;
  void write_model(const std::string& name, const ModelParts& parts) const {
    write(name, parts.bytes());
  }
  CommandResult temper(const Words& arguments) const;

  // `arguments` must end with this exit code, one message on stderr that has all the parts, and the
  // folder as it was.
  void expect_refused(const Words& arguments, int exit_code, const Words& parts) const;

  // Good input to put beside the bad: good.onnx, images.npz for conv_model, good.npz.
  const Words good_ = {"train", "good.onnx", "good.npz", "train.epochs=1"};

  // Good data for a model that is bad.
  void expect_model_refused(const std::string& name, int exit_code, const Words& parts) const {
    expect_refused({"train", name, "good.npz", "train.epochs=1"}, exit_code, parts);
  }

 private:
  // Of everything in the folder, by path: what it is, and its content.
  std::map<std::string, std::string> content() const;

  ScratchFolder folder_;
};

}  // namespace temper::test
