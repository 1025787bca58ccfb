/* Checks tiles of every size against sums of integers, for programs whose instructions
 * are worked out by others: include it after the kernels. */
#include "kernels/kernels.h"
#include "kernels/matrix.h"

#define MAX_STEPS 40
#define MAX_ROWS 32

static unsigned char x[MAX_ROWS][4 * MAX_STEPS];
static unsigned char panel[4 * MAX_STEPS * TXE_MAX_PANEL];
static float out[MAX_ROWS][TXE_MAX_PANEL];

/* A number of which many are extreme. */
static int
random_int(int least, int most)
{
    const int choice = rand() % 4;
    return choice == 0   ? least
           : choice == 1 ? most
                         : least + rand() % (most - least + 1);
}

/* Number i of a row or column of bytes, or of bfloat16, which hold such integers. */
static void
put(void *at, size_t i, txe_precision precision, int number)
{
    if (precision == TXE_INT8) {
        ((unsigned char *)at)[i] = (unsigned char)number;
        return;
    }
    const float value = (float)number;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t upper = (uint16_t)(bits >> 16);
    memcpy((unsigned char *)at + 2 * i, &upper, sizeof upper);
}

static int
check_tile(const struct txe_tiles *tiles, txe_precision precision, size_t lanes,
           size_t rows, size_t vectors, size_t last, size_t steps)
{
    static int left[MAX_ROWS][4 * MAX_STEPS], right[TXE_MAX_PANEL][4 * MAX_STEPS];
    const size_t columns = vectors * lanes, n = columns - lanes + last;
    const size_t per_step = precision == TXE_INT8 ? 4 : 2;
    float ones[TXE_MAX_PANEL], zeros[TXE_MAX_PANEL] = {0};
    for (size_t c = 0; c < TXE_MAX_PANEL; c++)
        ones[c] = 1;
    for (size_t k = 0; k < per_step * steps; k++) {
        for (size_t r = 0; r < rows; r++)
            put(x[r], k, precision, left[r][k] = random_int(0, 255));
        for (size_t c = 0; c < columns; c++)
            put(panel + 4 * (k / per_step * columns + c), k % per_step, precision,
                right[c][k] = random_int(-127, 127));
    }
    memset(out, 0, sizeof out);
    const struct txe_tile tile = {.x = x,
                                  .panel = panel,
                                  .ldx = sizeof x[0],
                                  .steps = steps,
                                  .scale = ones,
                                  .low = zeros,
                                  .column_scale = ones,
                                  .column_sum = zeros,
                                  .out = out[0],
                                  .ldo = TXE_MAX_PANEL,
                                  .rows = rows,
                                  .vectors = vectors,
                                  .last = last};
    txe_tiles_begin(tiles);
    tiles->run(&tile);
    txe_tiles_end(tiles);
    for (size_t r = 0; r < MAX_ROWS; r++)
        for (size_t c = 0; c < TXE_MAX_PANEL; c++) {
            int sum = 0;
            for (size_t k = 0; k < per_step * steps && r < rows && c < n; k++)
                sum += left[r][k] * right[c][k];
            if (out[r][c] != (float)sum) {
                fprintf(stderr,
                        "%zu rows, %zu columns, %zu steps: %g at %zu, %zu, not %d\n",
                        rows, n, steps, (double)out[r][c], r, c, sum);
                return 1;
            }
        }
    return 0;
}

/* How many sizes fail. */
static int
check_tiles(const struct txe_tiles *tiles, txe_precision precision, size_t lanes,
            size_t panel_vectors)
{
    int failures = 0;
    for (size_t rows = 1; rows <= tiles->rows; rows++)
        for (size_t vectors = 1; vectors <= panel_vectors; vectors++)
            for (size_t last = 1; last <= lanes; last++)
                for (size_t steps = 0; steps <= MAX_STEPS; steps += 1 + steps / 3)
                    failures +=
                        check_tile(tiles, precision, lanes, rows, vectors, last, steps);
    return failures;
}
