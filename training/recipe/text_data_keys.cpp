// The keys of [data] for texts and records: tokens, JSON.
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kTokenTypes[] = {"", "u16", "u32"};

}  // namespace

std::vector<RecipeKey> text_data_keys() {
  return {
      key(
          "data.token_dtype", "tokens: u16 or u32; empty: as the file's header says, else u16",
          [](Recipe& r) -> auto& { return r.data.token_dtype; }, one_of<kTokenTypes, 3>)
          .when(of_data({"tokens"})),
      key("data.pad", "JSON: what lists of whole numbers are filled up with to the input's length",
          [](Recipe& r) -> auto& { return r.data.pad; })
          .when(of_data({"jsonl"})),
      key("data.truncate", "JSON: lists longer than the model's input are cut, not errors",
          [](Recipe& r) -> auto& { return r.data.truncate; })
          .when(of_data({"jsonl"})),
      key(
          "data.block",
          "tokens of one sample, or the length that JSON lists are filled up to; 0: as the "
          "model's input takes",
          [](Recipe& r) -> auto& { return r.data.block; }, not_negative)
          .when(of_data({"tokens", "jsonl"})),
      key(
          "data.stride",
          "tokens: from the begin of one sample to that of the next; 0: data.block, without "
          "overlap",
          [](Recipe& r) -> auto& { return r.data.stride; }, not_negative)
          .when(of_data({"tokens"})),
  };
}

}  // namespace temper::training
