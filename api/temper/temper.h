/* Temper's C API: training and fine-tuning of ONNX models inside an application. C11 and later, C++
 * too.
 *
 * temper_get_api() gives a table of functions. What can fail returns a temper_status: NULL when all
 * is well, else what went wrong, which the caller frees by status_free(). Handles are opaque and
 * freed by the function named for them; free functions take NULL. Texts are UTF-8; those that come
 * out live as long as the handle they were asked of. No exception crosses this border, nothing is
 * printed, and the process is never ended.
 *
 * Threading, handle by handle:
 *   temper_api       constant: any thread
 *   temper_status    belongs to whoever got it
 *   temper_options   one thread at a time while it is changed; several may open sessions with it at
 * once temper_session   one thread at a time, which may be another for each call; sessions are
 * independent temper_outputs   does not change: any thread temper_run       does not change: any
 * thread Callbacks come on the thread of the call that was given them, before it returns. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Tensors are those of DLPack (https://dmlc.github.io/dlpack). An application that has
 * dlpack/dlpack.h includes it first; for all others these are its types. */
#ifndef DLPACK_DLPACK_H_
#ifdef __cplusplus
extern "C" {
#endif
typedef enum { kDLCPU = 1 } DLDeviceType;
typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;
typedef enum { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLBool = 6 } DLDataTypeCode;
typedef struct {
  uint8_t code; /* a DLDataTypeCode */
  uint8_t bits;
  uint16_t lanes; /* 1 */
} DLDataType;
typedef struct {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides; /* in elements; NULL: compact, the last dimension first */
  uint64_t byte_offset;
} DLTensor;
#ifdef __cplusplus
}
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What temper_get_api() is asked for. Later libraries add functions at the table's end, which
 * `size` tells, and keep the number; where they cannot, the number rises. */
enum { TEMPER_API_VERSION = 1 };

typedef enum {
  TEMPER_OK = 0,
  TEMPER_INTERNAL = 1, /* a bug of Temper */
  TEMPER_INVALID_ARGUMENT = 2,
  TEMPER_INVALID_MODEL = 3,
  TEMPER_INVALID_DATA = 4,
  TEMPER_IO = 5,
  TEMPER_DIVERGED = 6,
  TEMPER_OUT_OF_MEMORY = 7,
  TEMPER_DISTRIBUTED = 8,
  TEMPER_UNSUPPORTED = 9,
  TEMPER_DEVICE = 10
} temper_code;

typedef struct temper_status temper_status;
typedef struct temper_options temper_options;
typedef struct temper_session temper_session;
typedef struct temper_outputs temper_outputs;
typedef struct temper_run temper_run;

/* An input of the model by its name, or the target ("target"); the first dimension counts rows. The
 * memory of a call's arrays needs to live for that call only. On the CPU; any strides; float16,
 * bfloat16, float32, float64, bool, integers of 8 to 64 bits, which are converted to what the model
 * takes where nothing is lost. */
typedef struct {
  const char* name;
  const DLTensor* tensor;
} temper_array;

typedef struct {
  int64_t number; /* steps tried so far, with this one */
  double loss;    /* of the batch, before the update */
  double lr;
  double grad_norm; /* before clipping */
  int32_t applied;  /* 0: something was not finite, and nothing was changed */
} temper_step;

typedef struct {
  const char* name;
  const char* dtype; /* "f32" */
  int32_t ndim;
  const int64_t* shape;
  int32_t is_statistic; /* of a normalisation: follows the data, not a gradient */
} temper_tensor_info;

typedef struct {
  int64_t step; /* optimizer steps done */
  int64_t total_steps;
  int64_t epoch; /* from 0 */
  int64_t total_epochs;
  double loss; /* of the last step */
  double samples_per_second;
} temper_progress;

/* Each may be NULL. */
typedef struct {
  void* user; /* given to all of them */
  /* After each step of a recipe's run. Other than 0: the run ends here, saved, and may be resumed.
   */
  int (*progress)(void* user, const temper_progress* progress);
  /* Each number a run logs: "train/loss", "val/accuracy", ... */
  void (*metric)(void* user, int64_t step, const char* name, double value);
  /* What a person should know. */
  void (*message)(void* user, const char* text);
} temper_callbacks;

/* Other than 0 ends the training after this step. */
typedef int (*temper_step_callback)(void* user, const temper_step* step);
typedef void (*temper_metric_callback)(void* user, const char* name, double value);

typedef enum { TEMPER_TRAIN = 0, TEMPER_PREDICT = 1 } temper_use;

typedef enum {
  TEMPER_FINISHED = 0,
  TEMPER_STOPPED_EARLY = 1, /* checkpoint.patience */
  TEMPER_INTERRUPTED = 2,   /* by the callback; resume goes on */
  TEMPER_TIME_IS_UP = 3,    /* train.max_time */
  TEMPER_SAVE_FAILED = 4    /* finished, but a file could not be written */
} temper_outcome;

typedef struct {
  uint32_t version; /* TEMPER_API_VERSION */
  size_t size;      /* bytes of this table in the library */

  temper_code (*status_code)(const temper_status* status); /* NULL: TEMPER_OK */
  /* What, actual, expected, where; the hint says what was being done, a line each, or is "". */
  const char* (*status_message)(const temper_status* status);
  const char* (*status_hint)(const temper_status* status);
  void (*status_free)(temper_status* status);

  const char* (*version_text)(void); /* "0.1.0" */
  const char* (*build_facts)(
      void); /* a JSON object: compiler, libraries, opsets, instruction set */

  /* Options are a recipe's settings by their dotted keys ("optimizer.lr", "0.01"), as `temper help
   * keys` lists them, with the values that KEY=VALUE of the command takes; the environment is not
   * read. A component (optimizer.name) is named before its parameters. */
  temper_status* (*options_create)(temper_options** options);
  temper_status* (*options_read_file)(temper_options* options, const char* recipe);
  temper_status* (*options_set)(temper_options* options, const char* key, const char* value);
  void (*options_free)(temper_options* options);

  /* Opens an ONNX file (NULL: model.path of the options). `options` may be NULL, `callbacks` too,
   * of which message is used; what it points to is copied. `first` settles what the model leaves
   * open (its loss by the target, shapes) and is not trained on; later arrays have rows of the same
   * shapes. The set to train on, or a row of it. */
  temper_status* (*session_open)(const char* model, const temper_options* options, temper_use use,
                                 const temper_array* first, size_t count,
                                 const temper_callbacks* callbacks, temper_session** session);
  void (*session_free)(temper_session* session);
  /* One optimizer step on all rows given. `step` may be NULL. */
  temper_status* (*session_step)(temper_session* session, const temper_array* rows, size_t count,
                                 temper_step* step);
  /* `steps` of them over batches of data.batch_size rows, in the order that data.shuffle and
   * data.seed say. `callback` may be NULL. */
  temper_status* (*session_train)(temper_session* session, const temper_array* set, size_t count,
                                  int64_t steps, temper_step_callback callback, void* user);
  /* The loss over all rows, and each metric that applies ("accuracy", ...). Both may be NULL. */
  temper_status* (*session_evaluate)(temper_session* session, const temper_array* set, size_t count,
                                     double* loss, temper_metric_callback metric, void* user);
  /* All outputs of the model; the target need not be there. */
  temper_status* (*session_predict)(temper_session* session, const temper_array* set, size_t count,
                                    temper_outputs** outputs);
  size_t (*outputs_count)(const temper_outputs* outputs);
  const char* (*outputs_name)(const temper_outputs* outputs, size_t index); /* NULL: none */
  const DLTensor* (*outputs_tensor)(const temper_outputs* outputs, size_t index);
  void (*outputs_free)(temper_outputs* outputs);

  /* What training changes of the model: parameters and statistics, by the names in its file. */
  size_t (*session_tensor_count)(const temper_session* session);
  temper_status* (*session_tensor_info)(const temper_session* session, size_t index,
                                        temper_tensor_info* info);
  /* Copies into, and from, memory of the caller, of the tensor's shape. */
  temper_status* (*session_get_tensor)(const temper_session* session, const char* name,
                                       DLTensor* into);
  temper_status* (*session_set_tensor)(temper_session* session, const char* name,
                                       const DLTensor* value);

  /* The model's file with its tensors as they are now. */
  temper_status* (*session_save_model)(temper_session* session, const char* path);
  /* Weights, optimizer and counters into FOLDER/checkpoints, and back from the newest whole one
   * there. */
  temper_status* (*session_save_checkpoint)(temper_session* session, const char* folder);
  temper_status* (*session_load_checkpoint)(temper_session* session, const char* folder);

  /* The first file with the mean of the weights of all of them, which must be of one model.
   * `weights`: how much each counts; NULL: all alike. */
  temper_status* (*average_models)(const char* const* models, const double* weights, size_t count,
                                   const char* path);

  /* All that `temper train RECIPE` does but charts. `options` holds the recipe (options_read_file).
   * `resume`: other than 0 goes on in train.out. `run` may be NULL. */
  temper_status* (*run_recipe)(const temper_options* options, int resume,
                               const temper_callbacks* callbacks, temper_run** run);
  temper_outcome (*run_outcome)(const temper_run* run);
  int64_t (*run_steps)(const temper_run* run);
  const char* (*run_folder)(const temper_run* run);
  const char* (*run_best_model)(const temper_run* run); /* of two models: the generator */
  const char* (*run_last_model)(const temper_run* run);
  void (*run_free)(temper_run* run);
} temper_api;

/* NULL: this library does not speak that version. */
const temper_api* temper_get_api(uint32_t version);

#ifdef __cplusplus
}
#endif
