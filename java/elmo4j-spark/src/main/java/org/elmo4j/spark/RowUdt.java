// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.SQLUserDefinedType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.UserDefinedType;

/**
 * Rows on their way through the stage in Spark's inner form. Decoding columns that only pass
 * through would change some (dates of October 1582, collations), fail at others (types of Python's)
 * and cost time, and encoding vectors in the general way boxes each float. The stage unwraps the
 * type before anybody sees it.
 */
public final class RowUdt extends UserDefinedType<RowUdt.Cell> {
  private static final long serialVersionUID = 1;

  private final StructType type;

  /** One row. */
  @SQLUserDefinedType(udt = RowUdt.class)
  public record Cell(InternalRow row) {}

  /** For Spark, whose generated code makes one to convert rows of any type. */
  public RowUdt() {
    this(new StructType());
  }

  RowUdt(StructType type) {
    this.type = type;
  }

  @Override
  public DataType sqlType() {
    return type;
  }

  @Override
  public Object serialize(Cell cell) {
    return cell.row();
  }

  /** A copy: Spark uses the memory of a row for the next, and the stage reads ahead. */
  @Override
  public Cell deserialize(Object datum) {
    return new Cell(((InternalRow) datum).copy());
  }

  @Override
  public Class<Cell> userClass() {
    return Cell.class;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RowUdt udt && udt.type.equals(type);
  }

  @Override
  public int hashCode() {
    return type.hashCode();
  }
}
