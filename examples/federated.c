/* Federated averaging: two clients train one model, each on data that stays with it; between rounds a file goes out and
 * their files' mean comes back.
 *
 *   temper new mlp shared.onnx --inputs 2 --hidden 16 --outputs 1
 *   federated shared.onnx CLIENT_A.onnx CLIENT_B.onnx MEAN.onnx */
#include <string.h>

#include "check.h"

enum { kClients = 2, kRows = 64, kRounds = 8, kMost = 4096 };

static float points[kClients][2 * kRows], values[kClients][kRows];
static int64_t shape[] = {kRows, 2}, value_shape[] = {kRows, 1};

/* Each client sees its own half of the plane. */
static void make_data(int client) {
  uint64_t seed = 11 + (uint64_t)client;
  for (int i = 0; i < kRows; ++i) {
    const float x = (client == 0 ? -1.0f : 0.0f) + uniform(&seed), y = 2.0f * uniform(&seed) - 1.0f;
    points[client][2 * i] = x;
    points[client][2 * i + 1] = y;
    values[client][i] = x * x - y;
  }
}

static temper_session* open_on(const char* model, const temper_options* options, int client,
                               temper_array* arrays, DLTensor* tensors) {
  tensors[0] = floats(points[client], shape, 2);
  tensors[1] = floats(values[client], value_shape, 2);
  arrays[0] = (temper_array){"input", &tensors[0]};
  arrays[1] = (temper_array){"target", &tensors[1]};
  temper_session* session = NULL;
  need(api->session_open(model, options, TEMPER_TRAIN, arrays, 2, NULL, &session));
  return session;
}

/* The loss of a file on both clients' data: what nobody of them can see alone. */
static double loss_of(const char* model, const temper_options* options) {
  double sum = 0;
  for (int client = 0; client < kClients; ++client) {
    temper_array arrays[2];
    DLTensor tensors[2];
    temper_session* session = open_on(model, options, client, arrays, tensors);
    double loss = 0;
    need(api->session_evaluate(session, arrays, 2, &loss, NULL, NULL));
    sum += loss / kClients;
    api->session_free(session);
  }
  return sum;
}

/* All weights of a file, one after the other. */
static size_t weights_of(const char* model, const temper_options* options, float* weights) {
  temper_array arrays[2];
  DLTensor tensors[2];
  temper_session* session = open_on(model, options, 0, arrays, tensors);
  size_t count = 0;
  for (size_t i = 0; i < api->session_tensor_count(session); ++i) {
    temper_tensor_info info;
    need(api->session_tensor_info(session, i, &info));
    int64_t dims[8];
    need_true(info.ndim <= 8, "small tensors");
    size_t size = 1;
    for (int32_t axis = 0; axis < info.ndim; ++axis) {
      dims[axis] = info.shape[axis];
      size *= (size_t)dims[axis];
    }
    need_true(count + size <= kMost, "a small model");
    DLTensor into = floats(weights + count, dims, info.ndim);
    need(api->session_get_tensor(session, info.name, &into));
    count += size;
  }
  api->session_free(session);
  return count;
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: federated MODEL.onnx A.onnx B.onnx MEAN.onnx\n");
    return 2;
  }
  need_api();
  temper_options* options = NULL;
  need(api->options_create(&options));
  need(api->options_set(options, "loss.name", "mse"));
  need(api->options_set(options, "optimizer.name", "sgd"));
  need(api->options_set(options, "optimizer.lr", "0.05"));
  need(api->options_set(options, "data.batch_size", "16"));
  make_data(0);
  make_data(1);

  const char* global = argv[1];
  const double before = loss_of(global, options);
  for (int round = 0; round < kRounds; ++round) {
    for (int client = 0; client < kClients; ++client) {
      temper_array arrays[2];
      DLTensor tensors[2];
      temper_session* session = open_on(global, options, client, arrays, tensors);
      need(api->session_train(session, arrays, 2, 40, NULL, NULL));
      need(api->session_save_model(session, argv[2 + client]));
      api->session_free(session);
    }
    const char* files[] = {argv[2], argv[3]};
    const double rows[] = {kRows, kRows}; /* how much each counts */
    need(api->average_models(files, rows, kClients, argv[4]));
    global = argv[4];
  }
  const double after = loss_of(global, options);
  printf("loss on all data  %.4f, after %d rounds %.4f\n", before, kRounds, after);
  need_true(after < before / 10, "the shared model learns what no client sees alone");

  static float a[kMost], b[kMost], mean[kMost];
  const size_t count = weights_of(argv[2], options, a);
  need_true(weights_of(argv[3], options, b) == count && weights_of(argv[4], options, mean) == count,
            "the files are of one model");
  size_t different = 0;
  for (size_t i = 0; i < count; ++i) {
    need_true(mean[i] == (float)(0.5 * (double)a[i] + 0.5 * (double)b[i]), "weights are the mean");
    different += a[i] != b[i];
  }
  need_true(different > count / 2, "the clients' weights differ");
  printf("%zu weights are the mean of both clients'\n", count);
  api->options_free(options);
  return 0;
}
