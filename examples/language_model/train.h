/* Training one model: updates, evaluation after each epoch, and a state that is saved and gone on from. */
#ifndef LANGUAGE_MODEL_TRAIN_H
#define LANGUAGE_MODEL_TRAIN_H

#include "evaluate.h"

typedef enum optimizer_kind {
    OPTIMIZER_SGD,
    OPTIMIZER_ADAMW
} optimizer_kind;

typedef struct training_options {
    optimizer_kind optimizer;
    double lr;
    double clip;    /* the largest norm of the gradient; 0: any */
    int64_t batch;  /* rows */
    int64_t length; /* tokens of a row; 0: the model's positions */
    int64_t epochs;
    int64_t accumulate;   /* batches that make an update */
    bool sum_over_length; /* the objective is a row's loss, not a token's: what the papers' learning rate of 1
                             and norm of 5 belong to */
    int64_t decay_after;  /* SGD: behind this epoch each one divides the rate ... */
    double decay;         /* ... by this */
    int64_t warm_up; /* AdamW: updates until the full rate, from where it falls to a tenth by half a cosine */
    double weight_decay; /* AdamW: of matrices, not of vectors */
    int64_t patience;    /* epochs without a better validation that end training; 0: none do */
    int64_t save_every;  /* updates */
} training_options;

/* As Zaremba et al. 2014 and Press and Wolf 2017 train the small and the medium model; and the GPT. */
training_options training_small_lstm(void);
training_options training_medium_lstm(void);
training_options training_adamw(void);

/* How far training is. With parameters and the optimizer's state this is all that it goes on from: batches,
 * learning rate and draws of dropout follow from the step and from buffers of the model. */
typedef struct position {
    int64_t step;       /* updates made */
    int64_t best_step;  /* of the best validation; 0: none yet */
    double best_loss;   /* its loss */
    int64_t bad;        /* epochs since */
    double seconds;     /* that updates and evaluations took */
    double loss_sum;    /* of the updates since the last line of metrics ... */
    int64_t loss_count; /* ... and how many they are */
} position;

typedef struct trainer {
    model *m;
    training_options options;
    bl_optimizer *optimizer;
    const bl_tokens *training, *validation; /* the caller's */
    bl_sequences sequences;                 /* a batch of those for training */
    uint64_t seed;                          /* of their order */
    evaluator judge;
    carried state;        /* of an LSTM, from window to window */
    bl_accumulator *sums; /* of gradients, where several batches make an update */
    bl_graph *graph;
    bl_tensor *tokens, *targets, *loss, *norm;
    bl_program *gather; /* adds a batch's gradients to those before it; NULL where every batch is an update */
    bl_program *update; /* by them, or by those of its own batch */
    int64_t *room;      /* tokens and targets of a batch */
    int64_t each;       /* updates of an epoch */
    int64_t steps;      /* updates of all epochs */
    int64_t stop; /* the update after which train() drops everything, as if killed: never but in tests */
    position at;
} trainer;

/* Records and compiles. Says on stderr what went wrong, and then there is nothing to free. */
bool trainer_make(trainer *made, model *m, const training_options *options, const bl_tokens *training,
                  const bl_tokens *validation, uint64_t seed);
void trainer_free(trainer *freed);

/* The learning rate of an update. */
double trainer_lr(const trainer *asked, int64_t step);

typedef enum trained {
    TRAINED,             /* to the end; the best model is in the run's folder */
    TRAINED_INTERRUPTED, /* saved */
    TRAINED_NOT          /* a line on stderr says why */
} trained;

/* Trains from trainer.at on in a run's folder: metrics.csv gets lines, state.safetensors is saved, and
 * best.safetensors is the model of the best validation. `name` is the run's. */
trained train(trainer *used, const char *folder, const char *name, bool quiet);

#endif
