/* Learns sample by sample inside an application: a sensor's reading is corrected by a small network, which follows
 * when the sensor drifts.
 *
 *   temper new mlp sensor.onnx --inputs 2 --hidden 16 --outputs 1
 *   online sensor.onnx CHECKPOINTS */
#include <time.h>

#include "check.h"

enum { kPhase = 2000 };

/* What should be read, of a raw value and the temperature; the sensor is another one after it was hit. */
static float truth(float raw, float temperature, int was_hit) {
  return was_hit ? 0.6f * raw - 0.5f * temperature + 0.3f : raw + 0.2f * temperature;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: online MODEL.onnx FOLDER\n");
    return 2;
  }
  need_api();
  float features[2] = {0, 0}, wanted[1] = {0};
  int64_t shape[] = {1, 2}, target_shape[] = {1, 1};
  const DLTensor input = floats(features, shape, 2), target = floats(wanted, target_shape, 2);
  const temper_array sample[] = {{"input", &input}, {"target", &target}};

  temper_options* options = NULL;
  need(api->options_create(&options));
  need(api->options_set(options, "loss.name", "mse"));
  need(api->options_set(options, "optimizer.name", "sgd"));
  need(api->options_set(options, "optimizer.lr", "0.02"));
  need(api->options_set(options, "train.threads", "1"));
  temper_session* session = NULL;
  need(api->session_open(argv[1], options, TEMPER_TRAIN, sample, 2, NULL, &session));

  uint64_t seed = 3;
  double errors[4] = {0}; /* of the first and the last 200 samples before and after the hit */
  const clock_t begin = clock();
  for (int i = 0; i < 2 * kPhase; ++i) {
    features[0] = 2.0f * uniform(&seed) - 1.0f;
    features[1] = 2.0f * uniform(&seed) - 1.0f;
    wanted[0] = truth(features[0], features[1], i >= kPhase);
    temper_step step;
    need(api->session_step(session, sample, 2, &step));
    const int at = i % kPhase, window = at < 200 ? 0 : at >= kPhase - 200 ? 1 : -1;
    if (window >= 0) {
      errors[2 * (i / kPhase) + window] += step.loss / 200;
    }
  }
  const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
  printf("squared error  %.4f, learnt %.4f; the sensor drifts: %.4f, learnt again %.4f\n", errors[0],
         errors[1], errors[2], errors[3]);
  printf("%.0f us a sample\n", 1e6 * seconds / (2 * kPhase));
  need_true(errors[1] < errors[0] / 10, "the error falls");
  need_true(errors[2] > errors[1] * 10, "the drift is an error");
  need_true(errors[3] < errors[2] / 10, "the network follows the drift");

  /* Saved, and gone on with: the same next step. */
  need(api->session_save_checkpoint(session, argv[2]));
  temper_session* other = NULL;
  need(api->session_open(argv[1], options, TEMPER_TRAIN, sample, 2, NULL, &other));
  need(api->session_load_checkpoint(other, argv[2]));
  temper_step here, there;
  need(api->session_step(session, sample, 2, &here));
  need(api->session_step(other, sample, 2, &there));
  need_true(here.loss == there.loss && here.number == there.number, "a checkpoint goes on");
  api->session_free(other);
  api->session_free(session);
  api->options_free(options);
  return 0;
}
