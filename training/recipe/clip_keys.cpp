// The keys of [clip].
#include "training/recipe/key_field.h"

namespace temper::training {

std::vector<RecipeKey> clip_keys() {
  return {
      key(
          "clip.norm", "largest global gradient norm; 0: no clipping",
          [](Recipe& r) -> auto& { return r.clip.norm; }, not_negative),
      key(
          "clip.tensor_norm", "largest gradient norm of each tensor by itself; 0: no clipping",
          [](Recipe& r) -> auto& { return r.clip.tensor_norm; }, not_negative),
      key(
          "clip.value", "largest magnitude of a gradient's element, before any norm; 0: none",
          [](Recipe& r) -> auto& { return r.clip.value; }, not_negative),
  };
}

}  // namespace temper::training
