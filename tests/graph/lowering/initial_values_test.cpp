// What a variable begins with comes into the store in the store's own layout and dtype, whether it
// is at hand or read a piece at a time.
#include "graph/lowering/initial_values.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kRows = 700, kColumns = 900;  // 2.4 MiB: several pieces

// Element i is i.
class Numbers final : public StoredValue {
 public:
  void read(std::int64_t first, std::span<std::byte> out) const override {
    std::vector<float> values(out.size() / sizeof(float));
    std::iota(values.begin(), values.end(), static_cast<float>(first));
    std::memcpy(out.data(), values.data(), out.size());
    largest = std::max(largest, out.size());
  }
  mutable std::size_t largest = 0;
};

Variable numbers_variable(const std::shared_ptr<const Numbers>& numbers) {
  Variable variable;
  variable.name = "w";
  variable.shape = {kRows, kColumns};
  variable.stored = numbers;
  return variable;
}

// Columns first.
Layout transposed() {
  Layout layout;
  layout.plain = false;
  layout.rank = 2;
  layout.padded = {kRows, kColumns};
  layout.strides = {1, kRows};
  return layout;
}

std::vector<float> counted() {
  std::vector<float> values(kRows * kColumns);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

VariableStore store_of(DType dtype, const Shape& shape, const Layout& layout) {
  VariableStore store;
  StoreVariable variable;
  variable.name = "w";
  variable.dtype = dtype;
  variable.shape = shape;
  variable.layout = layout;
  store.add(variable);
  store.allocate();
  return store;
}

TEST(InitialValues, ComeAPieceAtATimeInEveryLayout) {
  for (const Layout& layout : {Layout{}, transposed()}) {
    VariableStore store = store_of(DType::kFloat32, {kRows, kColumns}, layout);
    const auto numbers = std::make_shared<const Numbers>();
    set_initial_value(store, 0, numbers_variable(numbers));
    EXPECT_EQ(store.get(0).values<float>(), counted());
    EXPECT_LE(numbers->largest, std::size_t{1} << 20);
  }
}

TEST(InitialValues, AreConvertedToTheStoresType) {
  VariableStore store = store_of(DType::kFloat64, {kRows, kColumns}, {});
  set_initial_value(store, 0, numbers_variable(std::make_shared<const Numbers>()));
  EXPECT_EQ(store.get(0).values<float>(), counted());
}

TEST(InitialValues, AreAllTheSameOrZeros) {
  VariableStore store = store_of(DType::kFloat32, {3, 5}, {});
  Variable variable;
  variable.name = "w";
  variable.shape = {3, 5};
  set_initial_value(store, 0, variable);
  EXPECT_EQ(store.get(0).values<float>(), std::vector<float>(15, 0.0f));
  variable.stored = make_filled_value(DType::kFloat32, 0.25);
  set_initial_value(store, 0, variable);
  EXPECT_EQ(store.get(0).values<float>(), std::vector<float>(15, 0.25f));
  EXPECT_EQ(initial_value(variable).values<float>(), std::vector<float>(15, 0.25f));
}

TEST(InitialValues, OfAnotherShapeAreRefused) {
  VariableStore store = store_of(DType::kFloat32, {kColumns, kRows}, {});
  try {
    set_initial_value(store, 0, numbers_variable(std::make_shared<const Numbers>()));
    FAIL() << "took a value of another shape";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
  }
}

TEST(VariableStore, GivesUpAGroupWhenItsLastVariableIsReleased) {
  VariableStore store;
  for (const char* name : {"a", "b", "c"}) {
    StoreVariable variable;
    variable.name = name;
    variable.shape = {4};
    variable.flat_group = name[0] == 'c' ? "" : "both";
    store.add(variable);
  }
  std::vector<int> ready;
  store.allocate([&](int id) {
    ready.push_back(id);
    store.set(id, Tensor::from<float>(DType::kFloat32, {4}, std::vector<float>(4, 1.0f)));
  });
  EXPECT_EQ(ready.size(), 3u);
  const std::weak_ptr<Buffer> both = store.look_at(0).buffer();
  EXPECT_EQ(both.lock(), store.look_at(1).buffer());
  store.release(0);
  EXPECT_FALSE(both.expired());
  store.release(1);
  EXPECT_TRUE(both.expired());
  EXPECT_EQ(store.get(2).values<float>(), std::vector<float>(4, 1.0f));
}

}  // namespace
}  // namespace temper::graph
