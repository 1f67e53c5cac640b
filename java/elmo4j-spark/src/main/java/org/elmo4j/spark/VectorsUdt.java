// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.SQLUserDefinedType;
import org.apache.spark.sql.types.UserDefinedType;

/** A vector a token on its way into a column of arrays; see {@link AnnotationsUdt}. */
public final class VectorsUdt extends UserDefinedType<VectorsUdt.Cell> {
  /** {@code array<array<float>>}, no element null. */
  static final DataType TYPE =
      DataTypes.createArrayType(DataTypes.createArrayType(DataTypes.FloatType, false), false);

  /** The vectors of one row. */
  @SQLUserDefinedType(udt = VectorsUdt.class)
  public record Cell(ArrayData data) {}

  /** For Spark. */
  public VectorsUdt() {}

  @Override
  public DataType sqlType() {
    return TYPE;
  }

  @Override
  public Object serialize(Cell cell) {
    return cell.data();
  }

  @Override
  public Cell deserialize(Object datum) {
    return new Cell((ArrayData) datum);
  }

  @Override
  public Class<Cell> userClass() {
    return Cell.class;
  }
}
