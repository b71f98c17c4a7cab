// Files of a checkpoint: what is in them, what an older or a newer version wrote, and what is left
// when one cannot be written.
#include "training/records/checkpoint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/run_lock.h"
#include "tests/training/test_files.h"
#include "training/formats/sha256.h"
#include "training/records/checkpoint_places.h"

namespace temper::training {
namespace {

class Checkpoint : public testing::Test {
 protected:
  Checkpoint() {
    store_.add({"w", DType::kFloat32, {700, 900}, {}, "", {}});  // hashed by a thread
    store_.add({"b", DType::kFloat64, {3}, {}, "", {}});
    store_.add({"a label",
                DType::kFloat32,
                {700, 900},
                {},
                "",
                VariableIdentity::beside(0, VariableKind::kMoment),
                "exp_avg"});
    store_.allocate();
    Tensor counting = store_.get(0);
    float value = 0;
    for (float& each : counting.span<float>()) {
      each = value += 0.25f;
    }
    store_.set(0, counting);
    state_.attempted = 7;
    state_.applied = 6;
    state_.data = {2, 5};
    state_.best_metric = 0.125;
  }
  // Of the parameter 'b'.
  void set_last(double value) { store_.set_range<double>(1, 2, {&value, 1}); }

  std::string save() {
    save_checkpoint(folder_.path(""), store_, state_, 3);
    return folder_.path("checkpoints/step-000000000007");
  }

  std::optional<RunState> load(VariableStore& store) {
    std::vector<std::string> notes;
    return load_newest_checkpoint(folder_.path(""), notes,
                                  [&](const RunState&) -> VariableStore& { return store; });
  }

  // state.json with another text, as another version would have written it, and its MANIFEST.
  void rewrite_state(const std::string& checkpoint, const std::string& from,
                     const std::string& to) {
    const auto replace = [](std::string text, const std::string& what, const std::string& by) {
      const std::size_t at = text.find(what);
      EXPECT_NE(at, std::string::npos) << what << " in " << text;
      return text.replace(at, what.size(), by);
    };
    const std::string path = checkpoint + "/state.json";
    const std::string before = read_bytes(path);
    const std::string after = replace(before, from, to);
    std::ofstream(path, std::ios::binary) << after;
    const auto hash = [](const std::string& text) {
      return sha256_hex(std::as_bytes(std::span(text)));
    };
    std::string manifest = read_bytes(checkpoint + "/MANIFEST");
    manifest = replace(manifest, hash(before), hash(after));
    manifest = replace(manifest, std::to_string(before.size()), std::to_string(after.size()));
    std::ofstream(checkpoint + "/MANIFEST", std::ios::binary) << manifest;
  }

  TempFolder folder_;
  VariableStore store_;
  RunState state_;
};

TEST_F(Checkpoint, ListsEachFileWithItsHash) {
  const std::string checkpoint = save();
  const JsonValue manifest = parse_json(read_bytes(checkpoint + "/MANIFEST"), "MANIFEST");
  for (const char* name : {"weights.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::string path = checkpoint + "/" + name;
    EXPECT_EQ(manifest.at(name).at("sha256").as_string(""), sha256_of_file(path)) << name;
    EXPECT_EQ(manifest.at(name).at("bytes").as_int(""),
              static_cast<std::int64_t>(read_bytes(path).size()));
  }
  VariableStore other;
  for (int i = 0; i < store_.count(); ++i) {
    other.add(store_.variable(i));
  }
  other.allocate();
  ASSERT_TRUE(load(other).has_value());
  for (int i = 0; i < store_.count(); ++i) {
    EXPECT_TRUE(equal_bits(other.get(i), store_.get(i)));
  }
}

TEST_F(Checkpoint, OfAnOlderVersionTakesDefaultsForWhatThatDidNotWrite) {
  const std::string checkpoint = save();
  rewrite_state(checkpoint, "  \"best_metric\": 0.125,\n", "");
  const auto loaded = load(store_);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->attempted, 7);
  EXPECT_EQ(loaded->data.position, 5);
  EXPECT_EQ(loaded->best_metric, RunState{}.best_metric);
}

TEST_F(Checkpoint, WithoutItsPlaceInTheRunIsNone) {
  rewrite_state(save(), "  \"attempted\": 7,\n", "");
  expect_error([&] { load(store_); }, ErrorCode::kInvalidModel, "attempted");
}

TEST_F(Checkpoint, OfAnotherFormatIsRefusedNamingBoth) {
  for (const char* other : {"1", "3"}) {
    std::filesystem::remove_all(folder_.path("checkpoints"));
    rewrite_state(save(), "\"format\": 2", concat("\"format\": ", other));
    expect_error([&] { load(store_); }, ErrorCode::kInvalidModel,
                 concat("state.json has format ", other), "reads format 2",
                 "the version that wrote it");
  }
}

TEST(CheckpointPlaces, NeverMeet) {
  VariableStore store;
  const int w = store.add({"w", DType::kFloat32, {1}, {}, "", {}});
  const auto beside = [](int of, VariableKind kind, int slot = 0) {
    return VariableIdentity::beside(of, kind, slot);
  };
  for (const char* name :
       {"moment/exp_avg/w", "tensor/w", "average/w", "snapshot/tensor/w", "accumulator/0/w",
        "scalar/0/rates/0", "w.exp_avg", "__metadata__", "__metadata__/", "__metadata__//"}) {
    store.add({name, DType::kFloat32, {1}, {}, "", {}});
  }
  const int tensors = store.count();
  for (int i = 0; i < tensors; ++i) {
    store.add({"", DType::kFloat32, {1}, {}, "", beside(i, VariableKind::kAverage), "average"});
    store.add({"", DType::kFloat32, {1}, {}, "", beside(i, VariableKind::kAccumulator), ""});
    const int moment =
        store.add({"", DType::kFloat32, {1}, {}, "", beside(i, VariableKind::kMoment), "exp_avg"});
    store.add(
        {"", DType::kFloat32, {1}, {}, "", beside(i, VariableKind::kMoment, 1), "exp_avg_sq"});
    store.add({"", DType::kFloat32, {1}, {}, "", beside(i, VariableKind::kSnapshot), ""});
    store.add({"", DType::kFloat32, {1}, {}, "", beside(moment, VariableKind::kSnapshot), ""});
  }
  store.add({"", DType::kFloat32, {1}, {}, "", VariableIdentity::of_scalar(ScalarRole::kRates)});
  store.add({"", DType::kFloat32, {1}, {}, "", VariableIdentity::of_scalar(ScalarRole::kRates, 1)});
  std::set<std::pair<std::string, std::string>> places;
  for (int i = 0; i < store.count(); ++i) {
    const auto place = checkpoint_place(store, i);
    ASSERT_TRUE(place.has_value());
    EXPECT_TRUE(places.emplace(place->file, place->name).second) << place->name;
    EXPECT_NE(place->name, "__metadata__");
    if (store.variable(i).identity.is_of_model()) {
      EXPECT_EQ(name_of_tensor(place->name), store.variable(i).name);
    }
  }
  EXPECT_EQ(checkpoint_place(store, w)->name, "w");
  EXPECT_EQ(checkpoint_place(store, store.find(beside(w, VariableKind::kMoment)))->name,
            "moment/exp_avg/w");
}

TEST_F(Checkpoint, ThatCannotBeWrittenLeavesNothingAndItsOwnError) {
  set_last(std::numeric_limits<double>::infinity());
  expect_error([&] { save(); }, ErrorCode::kDiverged, "parameter 'b' is not finite");
  EXPECT_TRUE(list_directory(folder_.path("checkpoints")).empty());
  set_last(-std::numeric_limits<double>::quiet_NaN());
  expect_error([&] { save(); }, ErrorCode::kDiverged, "parameter 'b'");
  set_last(std::numeric_limits<double>::max());
  save();
  const float infinite = std::numeric_limits<float>::infinity();
  store_.set_range<float>(2, 5, {&infinite, 1});
  state_.attempted = 8;  // moments may overflow
  EXPECT_NO_THROW(save_checkpoint(folder_.path(""), store_, state_, 3));
}

TEST_F(Checkpoint, HoldsInfinitiesThatTheModelCameWithAndNoMore) {
  set_last(-std::numeric_limits<double>::infinity());
  state_.given_not_finite = not_finite_elements(store_);
  EXPECT_EQ(state_.given_not_finite, (std::map<std::string, double>{{"b", 1}}));
  save();
  const std::optional<RunState> loaded = load(store_);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->given_not_finite, state_.given_not_finite);
  EXPECT_EQ(store_.get(1).values<double>()[2], -std::numeric_limits<double>::infinity());
  state_.attempted = 8;
  const double infinite = std::numeric_limits<double>::infinity();
  store_.set_range<double>(1, 0, {&infinite, 1});
  expect_error(
      [&] { save(); }, ErrorCode::kDiverged,
      "parameter 'b' is not finite in 2 elements, of which 1 were so in the model as given");
}

}  // namespace
}  // namespace temper::training
