#include "runtime/backend/widened_rows.h"

#include <gtest/gtest.h>

#include "runtime/backend/prepared_input.h"

namespace temper::test {
namespace {

using Names = std::vector<std::string>;

KernelTable table_of(std::initializer_list<const char*> ops) {
  KernelTable table;
  for (const char* op : ops) {
    table.add(op, "own", {}, [](const OpQuery&) { return make_kernel([](const KernelArgs&) {}); });
  }
  return table;
}

Names families(const KernelTable& table, const char* op) {
  Names names;
  for (const auto& row : table.rows(op)) {
    names.emplace_back(row->family());
  }
  return names;
}

TEST(WidenedRows, StandBehindTheRowsOfEachOpOnce) {
  KernelTable table = table_of({"Neg"});
  add_widened_rows(table, {});
  EXPECT_EQ(families(table, "Neg"), (Names{"own", "own via f32"}));
  add_widened_rows(table, {});
  EXPECT_EQ(families(table, "Neg"), (Names{"own", "own via f32"}));
}

// As where a family has a row for special sizes in front of its general one.
TEST(WidenedRows, StandForEachRowOfAFamilyThatHasSeveral) {
  KernelTable table = table_of({"Neg", "Neg"});
  add_widened_rows(table, {});
  add_widened_rows(table, {});
  EXPECT_EQ(families(table, "Neg"), (Names{"own", "own", "own via f32", "own via f32"}));
}

TEST(WidenedRows, LeaveOutKernelsThatHaveAnInputPreparedOnce) {
  class Preparing final : public Kernel, public PreparesInput {
   public:
    void run(const KernelArgs&) const override {}
    Preparation take_preparation() override { return {}; }
  };
  KernelTable table;
  table.add("Neg", "own", {}, [](const OpQuery&) { return std::make_unique<Preparing>(); });
  add_widened_rows(table, {});
  const Attrs attrs{{"settled_weight", std::int64_t{1}}};
  OpQuery query;
  query.op = "Neg";
  query.attrs = &attrs;
  query.inputs.resize(1);
  query.inputs[0].dtype = DType::kBFloat16;
  query.outputs = query.inputs;
  EXPECT_FALSE(table.rows("Neg")[1]->supports(query).ok);
}

TEST(WidenedRows, AreNotMadeOfKernelsThatTakeAnyTypeThemselves) {
  KernelTable table = table_of({"Cast", "Neg"});
  table.set_any_type("Cast");
  add_widened_rows(table, {});
  EXPECT_EQ(families(table, "Cast"), (Names{"own"}));
  EXPECT_EQ(families(table, "Neg").size(), 2u);
}

TEST(WidenedRows, TakeOnlyQueriesWith16BitTensors) {
  KernelTable table = table_of({"Neg"});
  add_widened_rows(table, {});
  OpQuery query;
  query.op = "Neg";
  query.inputs.resize(1);
  query.inputs[0].dtype = DType::kFloat32;
  query.outputs = query.inputs;
  EXPECT_FALSE(table.rows("Neg")[1]->supports(query).ok);
  query.inputs[0].dtype = DType::kBFloat16;
  EXPECT_TRUE(table.rows("Neg")[1]->supports(query).ok);
}

}  // namespace
}  // namespace temper::test
