// The keys of [model] and [compile].
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kBatchNorm[] = {"train", "frozen"};

}  // namespace

std::vector<RecipeKey> model_keys() {
  return {
      key(
          "model.path", "the ONNX file", [](Recipe& r) -> auto& { return r.model.path; }, nullptr,
          true)
          .of(Runs::kOneModel)
          .on_resume(ResumeRule::kContent),
      key("model.freeze", "patterns of tensors that stay as they are",
          [](Recipe& r) -> auto& { return r.model.freeze; })
          .of(Runs::kOneModel),
      key("model.trainable", "patterns of the tensors to train; empty: all weights",
          [](Recipe& r) -> auto& { return r.model.trainable; })
          .of(Runs::kOneModel),
      key(
          "model.batchnorm", "\"train\": batch statistics; \"frozen\": the running ones",
          [](Recipe& r) -> auto& { return r.model.batchnorm; }, one_of<kBatchNorm, 2>),
      key(
          "model.external_data_root", "wider folder for external data",
          [](Recipe& r) -> auto& { return r.model.external_data_root; }, nullptr, true)
          .on_resume(ResumeRule::kContent),
      key("model.allow_negative_ids",
          "whole numbers that pick rows of a table may count from its end, as ONNX has it",
          [](Recipe& r) -> auto& { return r.model.allow_negative_ids; }),
      key(
          "compile.unroll", "a Loop or Scan of up to so many steps is written out, step by step",
          [](Recipe& r) -> auto& { return r.model.unroll; }, not_negative),
      key(
          "compile.max_trip_count",
          "a Loop whose number of steps data decide is given up after so many, as endless",
          [](Recipe& r) -> auto& { return r.model.max_trip_count; }, positive),
  };
}

}  // namespace temper::training
