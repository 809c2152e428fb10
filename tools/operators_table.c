/*
 * Prints docs/OPERATORS.md: a row for each operator of the table, in the table's own words.
 * "ninja -C build operators-table" writes the file anew; a test compares.
 */
#include <stdio.h>

#include "ops/op.h"

static const char head[] =
    "# Operators\n"
    "\n"
    "Every operator that refold runs; another one is refused by its name (`refold inspect` lists "
    "such nodes). This page is written\n"
    "by `ninja -C build operators-table` from the table of operators (`src/ops/`), and a test "
    "compares it with that table.\n"
    "\n"
    "- **opset**: the oldest version understood; all later ones up to 21 are, whether they give "
    "axes, bounds and the like as\n"
    "  attributes or as inputs. Operator sets from 6 on are read.\n"
    "- **backward**: whether training differentiates through it; where it does not, gradients "
    "end.\n"
    "- **quantizer**: what the simulation quantizes unless the configuration says otherwise; a "
    "weight is quantized along the\n"
    "  axis that is named. [NUMERICS.md](NUMERICS.md), section 4, has the rules.\n"
    "- **limits**: forms that are refused, with a message that names the node. Tensors are float32 "
    "in arithmetic, of any number\n"
    "  type where elements only move, and have at most 8 dims.\n"
    "\n"
    "| operator | opset | backward | quantizer | limits |\n"
    "|---|---|---|---|---|\n";

static const char own[] = "\n"
                          "Nodes of domain `refold` stand in simulations and plans only: ";

static void print_row(const rf_op *op)
{
    printf("| %s | %d | %s | ", op->onnx_name, op->since_opset, op->backward ? "yes" : "–");
    if (op->weight_axis >= 0)
        printf("weight (axis %d), ", op->weight_axis);
    printf("%s | %s |\n", op->quant == RF_QUANT_OUTPUT ? "output" : "–",
           op->limits ? op->limits : "");
}

int main(void)
{
    int count;
    const rf_op *const *ops = rf_op_list(&count);
    const char *separator = "";
    fputs(head, stdout);
    for (int i = 0; i < count; i++)
        if (!ops[i]->domain)
            print_row(ops[i]);
    fputs(own, stdout);
    for (int i = 0; i < count; i++)
        if (ops[i]->domain) {
            printf("%s%s", separator, ops[i]->onnx_name);
            separator = ", ";
        }
    puts(".");
    return ferror(stdout) ? 1 : 0;
}
