/* Single elements of any dtype: for shape arithmetic and casts, not for hot loops. */
#ifndef RF_OPS_ELEMENT_H
#define RF_OPS_ELEMENT_H

#include "tensor/view.h"

bool rf_dtype_is_float(rf_dtype dtype);
bool rf_dtype_is_integer(rf_dtype dtype); /* not bool */
bool rf_dtype_is_index(rf_dtype dtype);   /* int64 or int32: shapes, axes, indices */
double rf_element_f64(rf_dtype dtype, const void *data, int64_t i);
int64_t rf_element_i64(rf_dtype dtype, const void *data,
                       int64_t i); /* floats truncate; beyond int64: its ends; NaN: 0 */
void rf_element_set_f64(rf_dtype dtype, void *data, int64_t i,
                        double value); /* integers: as rf_element_set_i64 */
void rf_element_set_i64(rf_dtype dtype, void *data, int64_t i,
                        int64_t value); /* narrow integers wrap; bool: != 0 */

#endif
