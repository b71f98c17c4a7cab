// The C API as a program sees it: through its table alone.
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/temper/temper.hpp"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"

namespace temper {
namespace {

using c::Array;
using c::Arrays;
using c::Options;
using c::Session;

class CApi : public testing::Test {
 protected:
  CApi() {
    training::write_tiny_model(model_);
    training::write_tiny_data(data_, kRows, 7);
    const training::NpzFile file(data_);
    x_ = file.read("x").values<float>();
    target_ = file.read("target").values<std::int64_t>();
    options_.set("optimizer.name", "sgd").set("optimizer.lr", "0.1").set("train.threads", "1");
    options_.set("data.batch_size", "4").set("data.shuffle", "false");
  }

  std::vector<Array> all() {
    return {Array("x", x_, {kRows, 6}), Array("target", target_, {kRows})};
  }

  static constexpr std::int64_t kRows = 12;
  const training::TempFolder folder_;
  const std::string model_ = folder_.path("tiny.onnx");
  const std::string data_ = folder_.path("train.npz");
  std::vector<float> x_;
  std::vector<std::int64_t> target_;
  Options options_;
};

TEST_F(CApi, SpeaksTheVersionsThatItHas) {
  EXPECT_EQ(temper_get_api(TEMPER_API_VERSION + 1), nullptr);
  EXPECT_EQ(temper_get_api(0), nullptr);
  const temper_api* api = temper_get_api(TEMPER_API_VERSION);
  ASSERT_NE(api, nullptr);
  EXPECT_EQ(api->size, sizeof(temper_api));
  const training::JsonValue facts = training::parse_json(api->build_facts(), "facts");
  EXPECT_EQ(facts.at("version").as_string("version"), api->version_text());
  EXPECT_EQ(facts.at("newest_opset").as_int("newest_opset"), 28);
}

TEST_F(CApi, TrainsStepByStepAndOverASet) {
  Session whole(model_, options_, all());
  std::vector<double> losses;
  whole.train(all(), 3, [&](const temper_step& step) {
    losses.push_back(step.loss);
    return true;
  });
  Session single(model_, options_, all());
  for (std::int64_t i = 0; i < 3; ++i) {
    const temper_step step = single.step(
        {Array("x", x_.data() + i * 24, {4, 6}), Array("target", target_.data() + i * 4, {4})});
    EXPECT_EQ(step.loss, losses[static_cast<std::size_t>(i)]);
    EXPECT_EQ(step.applied, 1);
  }
  EXPECT_EQ(single.get<float>("w1"), whole.get<float>("w1"));
  std::int64_t calls = 0;
  whole.train(all(), 100, [&](const temper_step&) { return ++calls < 2; });
  EXPECT_EQ(calls, 2);
}

TEST_F(CApi, TakesStridesAndOtherTypes) {
  Session session(model_, options_, all());
  const c::Outputs expected = session.predict(all());
  // Columns first, doubles, and a target of 8 bits.
  std::vector<double> columns(x_.size());
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < 6; ++column) {
      columns[column * kRows + row] = static_cast<double>(x_[row * 6 + column]);
    }
  }
  std::int64_t shape[] = {kRows, 6}, strides[] = {1, kRows};
  DLTensor view = {columns.data(), {kDLCPU, 0}, 2, {kDLFloat, 64, 1}, shape, strides, 0};
  const c::Outputs strided = session.predict({Array("x", view)});
  EXPECT_EQ(strided.values<float>("y"), expected.values<float>("y"));
  const std::vector<std::uint8_t> labels(target_.begin(), target_.end());
  EXPECT_EQ(session.evaluate({Array("x", view), Array("target", labels, {kRows})}).loss,
            session.evaluate(all()).loss);
}

TEST_F(CApi, RefusesWithCodeMessageAndName) {
  const temper_api* api = c::api();
  temper_session* session = nullptr;
  temper_status* status =
      api->session_open("none.onnx", nullptr, TEMPER_TRAIN, nullptr, 0, nullptr, &session);
  EXPECT_EQ(api->status_code(status), TEMPER_INVALID_ARGUMENT);
  EXPECT_EQ(session, nullptr);
  api->status_free(status);
  api->status_free(nullptr);
  status = api->session_step(nullptr, nullptr, 0, nullptr);
  EXPECT_EQ(api->status_code(status), TEMPER_INVALID_ARGUMENT);
  EXPECT_STREQ(api->status_message(status), "session is NULL");
  api->status_free(status);

  const auto code_of = [](const auto& act) {
    try {
      act();
      return TEMPER_OK;
    } catch (const c::Error& error) {
      return error.code();
    }
  };
  EXPECT_EQ(code_of([&] { Session("none.onnx", options_, all()); }), TEMPER_IO);
  EXPECT_EQ(code_of([&] { options_.set("optimizer.lrr", "1"); }), TEMPER_INVALID_ARGUMENT);
  Session works(model_, options_, all());  // what was refused is forgotten
  std::int64_t shape[] = {kRows, 6};
  DLTensor on_gpu = {
      x_.data(), {static_cast<DLDeviceType>(2), 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
  EXPECT_EQ(code_of([&] { works.predict({Array("x", on_gpu)}); }), TEMPER_UNSUPPORTED);
  on_gpu.device = {kDLCPU, 0};
  on_gpu.dtype = {5, 64, 1};
  EXPECT_EQ(code_of([&] { works.predict({Array("x", on_gpu)}); }), TEMPER_UNSUPPORTED);
  shape[0] = INT64_MAX / 2;
  on_gpu.dtype = {kDLFloat, 32, 1};
  EXPECT_EQ(code_of([&] { works.predict({Array("x", on_gpu)}); }), TEMPER_INVALID_ARGUMENT);
  target_[3] = 7;
  EXPECT_EQ(code_of([&] { works.step(all()); }), TEMPER_INVALID_DATA);
  EXPECT_EQ(code_of([&] { works.get<float>("w9"); }), TEMPER_INVALID_ARGUMENT);
}

TEST_F(CApi, ExceptionsOfACallbackComeThrough) {
  Session session(model_, options_, all());
  EXPECT_THROW(session.train(all(), 5, [](const temper_step&) -> bool { throw 17; }), int);
  EXPECT_EQ(session.step(all()).number, 2);
}

// Each on a thread of its own, opened there and passed to another one for its second half.
TEST_F(CApi, SessionsOfSeveralThreadsAreIndependent) {
  for (const char* threads : {"1", "2"}) {
    options_.set("train.threads", threads);
    const Arrays set = all();
    const auto first_half = [&](std::unique_ptr<Session>& session) {
      session = std::make_unique<Session>(model_, options_, set);
      session->train(set, 20);
    };
    const auto second_half = [&](std::unique_ptr<Session>& session) { session->train(set, 20); };
    std::unique_ptr<Session> alone;
    first_half(alone);
    second_half(alone);
    std::vector<std::unique_ptr<Session>> sessions(4);
    for (const bool first : {true, false}) {
      std::vector<std::thread> running;
      for (std::unique_ptr<Session>& session : sessions) {
        running.emplace_back([&, at = &session] { first ? first_half(*at) : second_half(*at); });
      }
      for (std::thread& thread : running) {
        thread.join();
      }
    }
    for (const std::unique_ptr<Session>& session : sessions) {
      EXPECT_EQ(session->get<float>("w1"), alone->get<float>("w1"));
    }
  }
}

TEST_F(CApi, CheckpointsGoOnWithTheSameBits) {
  Session first(model_, options_, all());
  first.step(all());
  first.save_checkpoint(folder_.path("saved"));
  Session second(model_, options_, all());
  second.load_checkpoint(folder_.path("saved"));
  EXPECT_EQ(second.step(all()).loss, first.step(all()).loss);
  EXPECT_EQ(second.get<float>("w1"), first.get<float>("w1"));
}

TEST_F(CApi, AveragesFilesByTheirWeights) {
  const std::string a = folder_.path("a.onnx"), b = folder_.path("b.onnx");
  const std::string out = folder_.path("mean.onnx");
  Session session(model_, options_, all());
  const std::vector<float> before = session.get<float>("w1");
  session.save_model(a);
  session.train(all(), 5);
  const std::vector<float> after = session.get<float>("w1");
  session.save_model(b);
  c::average({a, b}, out, {1, 3});
  Session mean(out, options_, all());
  const std::vector<float> found = mean.get<float>("w1");
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double expected =
        0.25 * static_cast<double>(before[i]) + 0.75 * static_cast<double>(after[i]);
    EXPECT_EQ(found[i], static_cast<float>(expected)) << i;
  }
  EXPECT_THROW(c::average({a, b}, out, {1}), c::Error);
  EXPECT_THROW(c::average({a, b}, out, {0, 0}), c::Error);
  const std::string other = folder_.path("other.onnx");
  training::write_tiny_model(other, {.hidden = 9});
  EXPECT_THROW(c::average({a, other}, out), c::Error);
}

TEST_F(CApi, RunsARecipeAndStopsWhenTold) {
  std::ofstream(folder_.path("recipe.toml"))
      << "[model]\npath = \"tiny.onnx\"\n[data]\ntrain = \"train.npz\"\nbatch_size = 4\n"
      << "[train]\nepochs = 4\nthreads = 1\n[log]\ntensorboard = false\nevery = 1\n";
  Options options;
  options.read_file(folder_.path("recipe.toml")).set("train.out", folder_.path("run"));
  std::map<std::string, int> metrics;
  c::Callbacks callbacks;
  callbacks.progress = [](const temper_progress& at) { return at.step < 5; };
  callbacks.metric = [&](std::int64_t, const std::string& name, double) { ++metrics[name]; };
  const c::Run stopped = c::run_recipe(options, callbacks);
  EXPECT_EQ(stopped.outcome(), TEMPER_INTERRUPTED);
  EXPECT_EQ(stopped.steps(), 5);
  EXPECT_EQ(metrics["train/loss"], 5);
  const c::Run resumed = c::run_recipe(options, {}, true);
  EXPECT_EQ(resumed.outcome(), TEMPER_FINISHED);
  EXPECT_EQ(resumed.steps(), 12);
  EXPECT_EQ(resumed.last_model(), folder_.path("run") + "/last.onnx");
}

}  // namespace
}  // namespace temper
