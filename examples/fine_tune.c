/* Trains a classifier on arrays of the program: two half moons, told apart by a small network.
 *
 *   temper new mlp moons.onnx --inputs 2 --hidden 32,32 --outputs 2
 *   fine_tune moons.onnx trained.onnx */
#include <string.h>

#include "check.h"

enum { kTrain = 400, kTest = 200 };

static void make_moons(float* points, int64_t* classes, int count, uint64_t seed) {
  for (int i = 0; i < count; ++i) {
    const float angle = 3.14159265f * uniform(&seed);
    classes[i] = i % 2;
    points[2 * i] = (i % 2 ? 1.0f - cosf(angle) : cosf(angle)) + 0.2f * uniform(&seed);
    points[2 * i + 1] = (i % 2 ? 0.5f - sinf(angle) : sinf(angle)) + 0.2f * uniform(&seed);
  }
}

static int report(void* user, const temper_step* step) {
  (void)user;
  if (step->number % 100 == 0) {
    printf("step %lld  loss %.4f\n", (long long)step->number, step->loss);
  }
  return 0;
}

static void keep_accuracy(void* user, const char* name, double value) {
  if (strcmp(name, "accuracy") == 0) {
    *(double*)user = value;
  }
}

static double measure(temper_session* session, const temper_array* test, double* loss) {
  double accuracy = 0;
  need(api->session_evaluate(session, test, 2, loss, keep_accuracy, &accuracy));
  printf("loss %.4f  accuracy %.3f\n", *loss, accuracy);
  return accuracy;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: fine_tune MODEL.onnx TRAINED.onnx\n");
    return 2;
  }
  need_api();
  printf("temper %s\n", api->version_text());

  static float points[2 * kTrain], test_points[2 * kTest];
  static int64_t classes[kTrain], test_classes[kTest];
  make_moons(points, classes, kTrain, 1);
  make_moons(test_points, test_classes, kTest, 2);
  int64_t shape[] = {kTrain, 2}, test_shape[] = {kTest, 2};
  const DLTensor input = floats(points, shape, 2), target = labels(classes, shape);
  const DLTensor test_input = floats(test_points, test_shape, 2);
  const DLTensor test_target = labels(test_classes, test_shape);
  const temper_array train[] = {{"input", &input}, {"target", &target}};
  const temper_array test[] = {{"input", &test_input}, {"target", &test_target}};

  temper_options* options = NULL;
  need(api->options_create(&options));
  need(api->options_set(options, "optimizer.name", "adamw"));
  need(api->options_set(options, "optimizer.lr", "0.01"));
  need(api->options_set(options, "data.batch_size", "32"));
  need(api->options_set(options, "schedule.name", "cosine"));
  need(api->options_set(options, "train.steps", "300")); /* where the cosine ends */

  temper_session* session = NULL;
  need(api->session_open(argv[1], options, TEMPER_TRAIN, train, 2, NULL, &session));
  double before = 0, after = 0;
  measure(session, test, &before);
  need(api->session_train(session, train, 2, 300, report, NULL));
  const double accuracy = measure(session, test, &after);
  need(api->session_save_model(session, argv[2]));
  need_true(after < before / 4 && accuracy > 0.97, "the network learns to tell the moons apart");

  /* The file gives what the session gives. */
  temper_session* saved = NULL;
  temper_outputs *here = NULL, *there = NULL;
  need(api->session_predict(session, test, 1, &here));
  need(api->session_open(argv[2], options, TEMPER_PREDICT, test, 1, NULL, &saved));
  need(api->session_predict(saved, test, 1, &there));
  need_true(memcmp(api->outputs_tensor(here, 0)->data, api->outputs_tensor(there, 0)->data,
                   2 * kTest * sizeof(float)) == 0,
            "the saved file predicts as the session does");
  api->outputs_free(here);
  api->outputs_free(there);
  api->session_free(saved);
  api->session_free(session);
  api->options_free(options);
  return 0;
}
