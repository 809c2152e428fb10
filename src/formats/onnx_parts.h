/* What the files of the ONNX reader and writer share; nobody outside this room includes it. */
#ifndef RF_FORMATS_ONNX_PARTS_H
#define RF_FORMATS_ONNX_PARTS_H

#include <onnx.pb-c.h>

#include "formats/proto.h"
#include "graph/graph.h"

/* Element types that ONNX knows: name, number, and the dtype that holds them (where `held`). */
#define RF_ONNX_INT4 22
#define RF_ONNX_UINT4 21
typedef struct rf_onnx_type {
    int number;
    const char *name;
    bool held;      /* refold computes with it or carries it as a constant */
    rf_dtype dtype; /* int4 and uint4 lie unpacked in int8 and uint8 */
} rf_onnx_type;
const rf_onnx_type *rf_onnx_type_find(int number); /* NULL: unknown to us */
const char *rf_onnx_type_name(int number);         /* "FLOAT", ...; "unknown" */
int rf_onnx_type_of(rf_dtype dtype);
/* v->onnx_type where it is set, else that of its dtype. */
int rf_onnx_type_of_value(const rf_value *v);

/* What was read from files beside the model: many tensors may lie at one place, but not without end. */
typedef struct rf_external_use {
    rf_arena arena;
    rf_map files;       /* device and inode -> itself */
    int64_t held, read; /* bytes of all files, and of all tensors */
} rf_external_use;

/* Where the bytes are from; for external data. */
typedef struct rf_onnx_source {
    rf_context *ctx;
    const char *folder; /* NULL: external data is refused */
    rf_external_use *external;
} rf_onnx_source;

/* The unpacked model, counted: graphs made from one file share it. */
typedef struct rf_onnx_origin rf_onnx_origin;
rf_status rf_onnx_origin_unpack(rf_context *ctx, const uint8_t *bytes, size_t size,
                                rf_onnx_origin **out);
void rf_onnx_origin_retain(void *origin);
void rf_onnx_origin_release(void *origin); /* accepts NULL */
Onnx__ModelProto *rf_onnx_origin_model(const rf_onnx_origin *origin);
/* The tensor's bytes were copied to where they are used; give those of the message back. */
void rf_onnx_origin_drop_raw(rf_onnx_origin *origin, Onnx__TensorProto *tensor);

/* dtype, shape, onnx_type of a ValueInfoProto's type; RF_EUNSUPPORTED for what is no tensor. `what` appears in messages. */
rf_status rf_onnx_decode_type(rf_context *ctx, const Onnx__TypeProto *type, const char *what,
                              const char *name, rf_value *out);

/* *out stays NULL, with RF_OK, for types that are only kept for writing. */
rf_status rf_onnx_decode_tensor(const rf_onnx_source *source, const Onnx__TensorProto *proto,
                                const char *name, rf_tensor **out);
/* Message for t in `arena`; numbers are borrowed from t. `name` may be NULL. */
Onnx__TensorProto *rf_onnx_encode_tensor(rf_arena *arena, const rf_tensor *t, int onnx_type,
                                         const char *name);
/* `size` bytes at `offset` of a file below source->folder, read into new memory (rf_free). */
rf_status rf_external_data_read(const rf_onnx_source *source, const Onnx__TensorProto *proto,
                                const char *name, size_t size, uint8_t **out);

rf_status rf_onnx_decode_attr(const rf_onnx_source *source, rf_graph *g, rf_node *n,
                              const Onnx__AttributeProto *proto);
/* A Constant node's tensor, from `value` or any of the other forms. The attribute becomes `value`; it is written back as it
 * was read as long as nothing changes it. */
rf_status rf_onnx_decode_constant(rf_graph *g, rf_node *n);
Onnx__AttributeProto *rf_onnx_encode_attr(rf_arena *arena, const rf_attr *attr);

/* Inputs, outputs and value_info of `out`; what `old` (may be NULL) has and the graph still has stays as it is. */
rf_status rf_onnx_encode_infos(rf_arena *arena, const rf_graph *g, const Onnx__GraphProto *old,
                               bool with_initializers, Onnx__GraphProto *out);
bool rf_onnx_is_initializer(const rf_value *v);

/* Fill g from the model, as it stands. */
rf_status rf_onnx_build(const rf_onnx_source *source, rf_onnx_origin *origin, rf_graph *g);
/* The branch of an If whose condition is a constant of the main graph; NULL for any other node. */
const Onnx__GraphProto *rf_onnx_chosen_branch(const rf_onnx_source *source, const rf_graph *g,
                                              const Onnx__GraphProto *graph,
                                              const Onnx__NodeProto *node);
/* FLOAT16 and DOUBLE, which are read as float32. */
bool rf_onnx_is_other_float(int onnx_type);
/* *t, as it lies in the file, as float32; *t is NULL after a failure. */
rf_status rf_onnx_to_single(int onnx_type, rf_tensor **t);
/* Types that the graph declares for its tensors, and those that its nodes name. */
void rf_onnx_declare_single(rf_context *ctx, Onnx__GraphProto *graph);
/* BatchNormalization and Dropout in training form become inference form. */
rf_status rf_onnx_normalize(rf_graph *g);
/* A graph of operator set 6 becomes one of set 7; others stay. */
rf_status rf_onnx_convert_opset6(rf_graph *g);

/* protobuf-c's messages have no const; packing only reads. */
static inline void *rf_unconst(const void *p)
{
    return (void *)(uintptr_t)p;
}

#endif
